//! The whole center (watcher, compiler, table, lanes) over an embedded bus, in this process: no HTTP stands between a message
//! and its chain.

use std::sync::Arc;

use bundle::Library;
use bus::{Bus, Embedded, Everything};
use mpc::{BundleFile, Bundles, Center, Loaded, Options, Parts, ToStreams};
use store::{Memory, Store};

/// What a center stands on.
pub(crate) struct Ground {
    /// Where messages come from and go to.
    pub(crate) bus: Arc<dyn Bus>,
    embedded: Arc<Embedded>,
    store: Arc<dyn Store>,
}

impl Ground {
    /// An empty bus over `log`, and `store` for what a center keeps.
    pub(crate) fn over(log: Arc<dyn Store>, store: Arc<dyn Store>) -> anyhow::Result<Self> {
        let embedded = Arc::new(Embedded::open(log, bus::Options::default())?);
        Ok(Self { bus: Arc::clone(&embedded) as _, embedded, store })
    }

    /// The same over nothing but memory, for little data: where somebody reads while another writes, all keys are copied.
    pub(crate) fn in_memory() -> anyhow::Result<Self> {
        Self::over(Arc::new(Memory::new(bus::TABLES)), Arc::new(Memory::new(mpc::TABLES)))
    }

    /// A center that is ready, with the bundles of `library`.
    pub(crate) async fn start(&self, options: Options, library: &Arc<Library>) -> anyhow::Result<Center> {
        let parts = Parts {
            bus: Arc::clone(&self.bus),
            store: Arc::clone(&self.store),
            bundles: Arc::new(Fixed(Arc::clone(library))),
            router: Arc::new(ToStreams),
            placement: Arc::new(Everything::default()),
        };
        let center = Center::start(options, parts).await?;
        center.ready().map_err(|why| anyhow::anyhow!("the center is not ready: {why:?}"))?;
        Ok(center)
    }

    /// Ends it all.
    pub(crate) async fn end(self, center: Center) {
        center.drain().await;
        self.embedded.close().await;
    }
}

/// Bundles that stay as they are: only chains change here.
struct Fixed(Arc<Library>);

impl Bundles for Fixed {
    fn load(&self, _: &[BundleFile]) -> Loaded {
        let snapshot = self.0.snapshot();
        let present = snapshot.list().iter().map(bundle::Info::bundle).collect();
        Loaded { refused: Vec::new(), present, catalog: snapshot }
    }
}
