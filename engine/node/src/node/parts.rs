//! What a node is made of, from the bottom up.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use bus::{Bus, Embedded, Everything, Placement};
use feed::{FanOut, Forwarder};
use inbox::{Answers, Inbox, Reads, Remote};
use mpc::Center;
use relations::LiveMap;

use super::planted;
use crate::{
    Config, Result,
    bundles::Folder,
    config::{Role, WatchMode},
    deployment::Deployment,
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
    /// Answers what others read from its shards.
    pub(super) answers: Option<Arc<Answers>>,
    /// The bus, where it is this process's own.
    pub(super) embedded: Option<Arc<Embedded>>,
    /// The others, where there are any.
    pub(super) deployment: Option<Arc<Deployment>>,
}

impl Parts {
    /// What the configuration asks for. Where a part fails, those before it are stopped again.
    pub(super) async fn start(folder: &Arc<DataFolder>, config: &Config) -> Result<Self> {
        let mut parts = Self::default();
        let started = match config.nats.urls.is_empty() {
            true => parts.start_all(folder, config).await,
            false => parts.start_roles(folder, config).await,
        };
        match started {
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
        let ground =
            Ground { bus: bus.clone(), placement: Arc::new(Everything::default()), changelog: false };
        self.center = Some(center(ground, &stores, folder, &map, config).await?);
        let options = inbox::Options::default();
        let inbox = Inbox::alone(options, bus.clone(), Arc::new(stores), map.clone()).await?;
        self.reads = Some(Arc::new(inbox.clone()));
        self.inbox = Some(inbox);
        self.forwarder = Some(Forwarder::new(bus, config.posts.partitions, map));
        Ok(())
    }

    /// Joins the others, and takes up the roles this process has. What was started before an error is in `self`.
    async fn start_roles(&mut self, folder: &Arc<DataFolder>, config: &Config) -> Result<()> {
        let name = if config.name.is_empty() { folder.own_name()? } else { config.name.clone() };
        let mut deployment = Deployment::join(config, name).await?;
        let has = |role: Role| config.roles.contains(&role);
        let mut turns: BTreeMap<Role, Arc<dyn Placement>> = BTreeMap::new();
        for role in [Role::Distributor, Role::Inbox] {
            if has(role) {
                turns.insert(role, deployment.take_part(role).await?);
            }
        }
        let deployment = Arc::new(deployment);
        self.deployment = Some(Arc::clone(&deployment));
        let (bus, map) = (Arc::clone(&deployment.bus) as Arc<dyn Bus>, deployment.map.clone());
        let desk: Arc<dyn bus::Requests> = Arc::new(deployment.desk.clone());
        let stores = Stores::new(folder, config);
        if let Some(placement) = turns.remove(&Role::Distributor) {
            let ground = Ground { bus: Arc::clone(&bus), placement, changelog: true };
            self.center = Some(center(ground, &stores, folder, &map, config).await?);
        }
        if let Some(placement) = turns.remove(&Role::Inbox) {
            let stores = Arc::new(stores);
            let inbox =
                Inbox::open(inbox::Options::default(), Arc::clone(&bus), stores, map.clone(), placement);
            self.answers = Some(Arc::new(inbox::answer(inbox.clone(), Arc::clone(&desk))));
            self.inbox = Some(inbox);
        }
        if has(Role::Gateway) {
            self.reads = Some(Arc::new(Remote::new(desk, map.clone())));
        }
        if has(Role::Forwarder) {
            self.forwarder = Some(Forwarder::new(bus, config.posts.partitions, map));
        }
        Ok(())
    }

    /// The bus, whichever it is.
    pub(super) fn bus(&self) -> Result<Arc<dyn Bus>> {
        match (&self.embedded, &self.deployment) {
            (Some(embedded), _) => Ok(Arc::clone(embedded) as Arc<dyn Bus>),
            (None, Some(deployment)) => Ok(Arc::clone(&deployment.bus) as Arc<dyn Bus>),
            (None, None) => Err(bus::Error::Unavailable { reason: "there is none".to_owned() }.into()),
        }
    }

    /// What the process is, for people.
    pub(super) fn about(&self, config: &Config) -> admin::About {
        let roles = config.roles.iter().map(|role| role.as_str().to_owned()).collect();
        match &self.deployment {
            None => admin::About { name: None, roles, bus: "embedded".to_owned() },
            Some(deployment) => admin::About {
                name: Some(deployment.name().to_owned()),
                roles,
                bus: format!("nats, {}", deployment.durability()),
            },
        }
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
        if let Some(deployment) = &self.deployment {
            deployment.check()?;
        }
        if let Some(center) = &self.center {
            center.ready().map_err(|why| why.to_string())?;
        }
        self.inbox.as_ref().map_or(Ok(()), |inbox| inbox.check().map_err(|why| why.to_string()))
    }

    /// Finishes the messages in hand, and the shards' batches.
    pub(super) async fn stop_intake(&self) {
        if let Some(deployment) = &self.deployment {
            // The others make themselves ready for what this one is about to give back.
            deployment.leave().await;
        }
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
        if let Some(deployment) = &self.deployment {
            deployment.close().await;
        }
    }
}

/// What a center stands on.
struct Ground {
    bus: Arc<dyn Bus>,
    placement: Arc<dyn Placement>,
    /// Whether a partition's state is kept on the bus, for others to go on with.
    changelog: bool,
}

/// The bus in this process.
async fn embedded(stores: &Stores, config: &Config) -> Result<Arc<Embedded>> {
    let options = bus::Options {
        queue_bytes_max: config.bus.queue_bytes_max,
        tail_bytes_max: config.bus.tail_bytes_max,
        fault: planted::of_bus(config),
        ..bus::Options::default()
    };
    let stores = stores.clone();
    blocking(move || Ok(Arc::new(Embedded::open(stores.bus()?, options)?))).await
}

async fn center(
    ground: Ground,
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
    let changelog = ground.changelog;
    let (runtime, store) =
        blocking(move || Ok((bundle::Runtime::new(options)?, stores.state(changelog)?))).await?;
    let parts = mpc::Parts {
        bus: ground.bus,
        store,
        bundles: Arc::new(Folder(bundle::Library::new(Arc::new(runtime)))),
        router: Arc::new(FanOut::new(map.clone())),
        placement: ground.placement,
    };
    let options = mpc::Options { changelog: ground.changelog, ..center_options(config) };
    Ok(Center::start(options, parts).await?)
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
