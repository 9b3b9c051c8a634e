//! The whole center (watcher, compiler, table, lanes) over a bus and a store in memory, in this process: no disk and no HTTP
//! stand between a message and its chain.

use std::sync::Arc;

use bundle::Library;
use bus::{Bus, Embedded, Everything};
use mpc::{BundleFile, Bundles, Center, Loaded, Options, Parts, ToStreams};
use store::Memory;

/// What a center stands on.
pub(crate) struct Ground {
    /// Where messages come from and go to.
    pub(crate) bus: Arc<dyn Bus>,
    embedded: Arc<Embedded>,
}

impl Ground {
    /// An empty bus.
    pub(crate) fn open() -> anyhow::Result<Self> {
        let store = Arc::new(Memory::new(bus::TABLES));
        let embedded = Arc::new(Embedded::open(store, bus::Options::default())?);
        Ok(Self { bus: Arc::clone(&embedded) as _, embedded })
    }

    /// A center that is ready, with the bundles of `library`.
    pub(crate) async fn start(&self, options: Options, library: &Arc<Library>) -> anyhow::Result<Center> {
        let parts = Parts {
            bus: Arc::clone(&self.bus),
            store: Arc::new(Memory::new(mpc::TABLES)),
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
