//! What a node is made of, from the bottom up.

use std::{path::Path, sync::Arc, time::Duration};

use bus::{Bus, Embedded};
use feed::{FanOut, Forwarder};
use inbox::{Inbox, Reads};
use mpc::Center;
use relations::LiveMap;

use crate::{
    Config, Result,
    bundles::Folder,
    config::WatchMode,
    folder::DataFolder,
    stores::{Stores, blocking},
};

/// Everything below the planes. A process alone has all of it; in a fleet each has what its roles need.
#[derive(Clone, Default)]
pub(super) struct Parts {
    // In the order in which they are to be dropped.
    /// Takes posts and changes of the graph.
    pub(super) forwarder: Option<Forwarder>,
    /// Reads inbox shards, wherever they are.
    pub(super) reads: Option<Arc<dyn Reads>>,
    /// Runs chains.
    pub(super) center: Option<Center>,
    /// Keeps inbox shards.
    pub(super) inbox: Option<Inbox>,
    /// The bus, where it is this process's own.
    pub(super) embedded: Option<Arc<Embedded>>,
}

impl Parts {
    /// Everything in this process. Where a part fails, those before it are stopped again.
    pub(super) async fn alone(folder: &Arc<DataFolder>, config: &Config) -> Result<Self> {
        let mut parts = Self::default();
        match parts.start_all(folder, config).await {
            Ok(()) => Ok(parts),
            Err(error) => {
                // What works already finishes what it has in hand while there is a bus to tell.
                parts.stop_intake().await;
                parts.stop_bus().await;
                Err(error)
            }
        }
    }

    /// Opens the bus, then what reads and writes it. What was started before an error is in `self`.
    async fn start_all(&mut self, folder: &Arc<DataFolder>, config: &Config) -> Result<()> {
        let map = LiveMap::new(config.shard_map()?);
        let stores = Stores::new(folder, config);
        let bus = embedded(&stores, config).await?;
        self.embedded = Some(Arc::clone(&bus));
        feed::provision(&*bus, config.posts.partitions, map.load().shards()).await?;
        self.center = Some(center(&bus, &stores, folder, &map, config).await?);
        let options = inbox::Options::default();
        let inbox = Inbox::alone(options, bus.clone(), Arc::new(stores), map.clone()).await?;
        self.reads = Some(Arc::new(inbox.clone()));
        self.inbox = Some(inbox);
        self.forwarder = Some(Forwarder::new(bus, config.posts.partitions, map));
        Ok(())
    }

    /// Why the parts there are cannot do their work; `data` is where the bus keeps its.
    pub(super) fn check(&self, data: &Path) -> std::result::Result<(), String> {
        // Before the others: without the bus they stand still, and would name an effect for the cause.
        if let Some(bus) = &self.embedded {
            bus.check().map_err(|failed| {
                let data = data.display();
                format!("{failed}; free space or replace the disk in `{data}`, then restart the node")
            })?;
        }
        if let Some(center) = &self.center {
            center.ready().map_err(|why| why.to_string())?;
        }
        self.inbox.as_ref().map_or(Ok(()), |inbox| inbox.check().map_err(|why| why.to_string()))
    }

    /// Finishes the messages in hand, and the shards' batches.
    pub(super) async fn stop_intake(&self) {
        if let Some(center) = &self.center {
            center.drain().await;
        }
        if let Some(inbox) = &self.inbox {
            inbox.close().await;
        }
    }

    /// Makes durable what the bus has taken, and ends it.
    pub(super) async fn stop_bus(&self) {
        if let Some(bus) = &self.embedded {
            bus.close().await;
        }
    }
}

/// The bus in this process.
async fn embedded(stores: &Stores, config: &Config) -> Result<Arc<Embedded>> {
    let options = bus::Options {
        queue_bytes_max: config.bus.queue_bytes_max,
        tail_bytes_max: config.bus.tail_bytes_max,
        fault: config.planted.ack_before_durable.then_some(bus::Fault::AcknowledgeBeforeDurable),
    };
    let stores = stores.clone();
    blocking(move || Ok(Arc::new(Embedded::open(stores.bus()?, options)?))).await
}

async fn center(
    bus: &Arc<Embedded>,
    stores: &Stores,
    folder: &DataFolder,
    map: &LiveMap,
    config: &Config,
) -> Result<Center> {
    let options = bundle::Options {
        data_dir: Some(folder.join("")),
        instances_max: config.runtime.instances_max,
        memory_bytes_max: config.runtime.memory_mb_max << 20,
    };
    let stores = stores.clone();
    let (runtime, store) = blocking(move || Ok((bundle::Runtime::new(options)?, stores.state()?))).await?;
    let parts = mpc::Parts {
        bus: Arc::clone(bus) as Arc<dyn Bus>,
        store,
        bundles: Arc::new(Folder(bundle::Library::new(Arc::new(runtime)))),
        router: Arc::new(FanOut::new(map.clone())),
        placement: Arc::new(bus::Everything::default()),
    };
    Ok(Center::start(center_options(config), parts).await?)
}

fn center_options(config: &Config) -> mpc::Options {
    let every = Duration::from_millis(config.watch.scan_every_ms);
    mpc::Options {
        watch: match config.watch.mode {
            WatchMode::Events => mpc::Watch::Events(every),
            WatchMode::Poll => mpc::Watch::Poll(every),
        },
        partitions: config.posts.partitions,
        fault: config.planted.no_generation_pin.then_some(mpc::Fault::NoGenerationPin),
        ..mpc::Options::new(&config.chains, &config.bundles)
    }
}
