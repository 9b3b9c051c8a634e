use std::{sync::Arc, time::Duration};

use bus::Embedded;
use feed::{FanOut, Forwarder};
use inbox::Inbox;
use mpc::Center;

use super::planted;
use crate::{
    Config, Result,
    bundles::Folder,
    config::WatchMode,
    folder::DataFolder,
    stores::{Stores, blocking},
};

/// Everything below the planes.
pub(super) struct Parts {
    pub(super) bus: Arc<Embedded>,
    pub(super) center: Center,
    pub(super) inbox: Inbox,
    pub(super) forwarder: Forwarder,
}

impl Parts {
    /// Opens the stores and the bus over them, then what reads and writes the bus. Where one of them fails, those
    /// before it are stopped again.
    pub(super) async fn start(folder: &Arc<DataFolder>, config: &Config) -> Result<Self> {
        let (held, told) = (Arc::clone(folder), config.clone());
        let (stores, bus) = blocking(move || {
            let stores = Stores::open(&held, &told)?;
            let bus = Embedded::open(Arc::clone(&stores.bus), bus_options(&told))?;
            Ok((stores, Arc::new(bus)))
        })
        .await?;
        let started = Self::over(&bus, stores, folder, config).await;
        if started.is_err() {
            bus.close().await;
        }
        started
    }

    async fn over(bus: &Arc<Embedded>, stores: Stores, folder: &DataFolder, config: &Config) -> Result<Self> {
        let map = config.shard_map()?;
        feed::provision(&**bus, config.posts.partitions, map.shards()).await?;

        let options = bundle::Options {
            data_dir: Some(folder.join("")),
            instances_max: config.runtime.instances_max,
            memory_bytes_max: config.runtime.memory_mb_max << 20,
        };
        let runtime = blocking(move || Ok(bundle::Runtime::new(options)?)).await?;
        let parts = mpc::Parts {
            bus: bus.clone(),
            store: stores.state,
            bundles: Arc::new(Folder(bundle::Library::new(Arc::new(runtime)))),
            router: Arc::new(FanOut::new(map.clone())),
        };
        let center = Center::start(center_options(config), parts).await?;
        let inbox = match Inbox::open(inbox::Options::default(), bus.clone(), stores.inboxes, map).await {
            Ok(inbox) => inbox,
            Err(error) => {
                // Its lanes work already: what they have in hand is finished while there is a bus to tell.
                center.drain().await;
                return Err(error.into());
            }
        };
        let forwarder = Forwarder::new(bus.clone(), config.posts.partitions);
        Ok(Self { bus: bus.clone(), center, inbox, forwarder })
    }
}

fn bus_options(config: &Config) -> bus::Options {
    bus::Options {
        queue_bytes_max: config.bus.queue_bytes_max,
        tail_bytes_max: config.bus.tail_bytes_max,
        fault: planted::of_bus(config),
        ..bus::Options::default()
    }
}

fn center_options(config: &Config) -> mpc::Options {
    let every = Duration::from_millis(config.watch.scan_every_ms);
    mpc::Options {
        watch: match config.watch.mode {
            WatchMode::Events => mpc::Watch::Events(every),
            WatchMode::Poll => mpc::Watch::Poll(every),
        },
        partitions: config.posts.partitions,
        fault: planted::of_center(config),
        ..mpc::Options::new(&config.chains, &config.bundles)
    }
}
