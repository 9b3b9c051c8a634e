mod parts;
pub(crate) mod planted;

#[cfg(test)]
mod tests;

use std::{
    net::SocketAddr,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use serve::{Server, Serving};
use telemetry::Metrics;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{Config, Error, Result, descriptors, folder::DataFolder};
use parts::Parts;

/// How often samples are folded into histograms.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);
/// How often it is made sure that the data folder is still there.
const GUARD_EVERY: Duration = Duration::from_secs(1);

/// Where a node listens: the line that `catena up` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    /// The data plane.
    pub http: SocketAddr,
    /// The management plane.
    pub admin: SocketAddr,
}

/// A running node. Dropping it stops it at once, as a crash would; [`shutdown`](Self::shutdown) is the kind way.
pub struct Node {
    addresses: Addresses,
    // In the order in which they are to be dropped: what serves before what is served.
    gateway: Serving,
    admin: Serving,
    closing: CancellationToken,
    _upkeep: AbortOnDropHandle<()>,
    guard: AbortOnDropHandle<()>,
    leaving: Arc<AtomicBool>,
    parts: Parts,
    folder: Arc<DataFolder>,
}

impl Node {
    /// Sets up logs, takes the data folder, binds both planes, opens stores and bus, loads chains and bundles, and
    /// serves. A chain that cannot run keeps the node from being ready, not from running.
    ///
    /// # Errors
    /// Whatever of that fails first; everything begun is undone.
    pub async fn start(config: Config) -> Result<Self> {
        config.check()?;
        let started = Instant::now();
        telemetry::init(config.log.format, &config.log.filter)?;
        planted::confess(&config);
        let metrics = Metrics::install()?;
        let folder = Arc::new(DataFolder::take(&config.data)?);
        let http = serve::Options {
            connections_max: descriptors::connections(config.http.connections_max),
            ..serve::Options::default()
        };
        let management = serve::Options { connections_max: 128, ..http.clone() };
        let http = bind("http.address", "--http", config.http.address, http).await?;
        let management = bind("admin.address", "--admin", config.admin.address, management).await?;
        let addresses = Addresses { http: http.address(), admin: management.address() };
        let token = admin::Token::load_or_create(&folder.join("admin.token"))?;

        let parts = Parts::start(&folder, &config).await?;

        let leaving = Arc::new(AtomicBool::new(false));
        let closing = CancellationToken::new();
        let ready = readiness(&leaving, &folder, &parts);
        let gateway = http.start(
            "http",
            gateway::router(gateway::Parts {
                forwarder: parts.forwarder.clone(),
                reads: parts.reads.clone(),
                ready: Arc::clone(&ready),
                metrics: metrics.clone(),
            }),
        );
        let managed = admin::Parts {
            about: parts.about(&config),
            center: parts.center.clone(),
            bus: parts.bus()?,
            inbox: parts.inbox.clone(),
            ready,
            http: addresses.http,
            started,
            closing: closing.clone(),
        };
        let access = admin::Access { token, hosts: config.admin.hosts.clone() };
        let admin = management.start("admin", admin::router(managed, access));
        let _upkeep = AbortOnDropHandle::new(tokio::spawn(upkeep(metrics)));
        let guard = AbortOnDropHandle::new(tokio::spawn(guard(Arc::downgrade(&folder), parts.clone())));
        let node = Self { addresses, gateway, admin, closing, _upkeep, guard, leaving, parts, folder };
        if let Err(error) = node.folder.announce(&node.addresses) {
            node.shutdown().await;
            return Err(error);
        }
        let Addresses { http, admin } = node.addresses;
        tracing::info!(%http, %admin, data = %config.data.display(), "the node runs");
        Ok(node)
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Why the node should not be sent traffic; `None` when it is ready.
    #[must_use]
    pub fn unready(&self) -> Option<String> {
        readiness(&self.leaving, &self.folder, &self.parts)().err()
    }

    /// Ends in phases: says it is not ready, finishes the requests in flight and takes no other, finishes the
    /// messages in hand, lets the shards finish their batch, and closes bus and stores.
    pub async fn shutdown(self) {
        tracing::info!("the node stops");
        self.leaving.store(true, Relaxed);
        self.folder.withdraw();
        self.gateway.stop().await;
        self.parts.stop_intake().await;
        self.closing.cancel();
        self.admin.stop().await;
        self.parts.stop_bus().await;
        // It has the stores too, and with them the data folder: whoever is next must find it free.
        self.guard.abort();
        let _ = self.guard.await;
        tracing::info!("the node has stopped");
    }
}

async fn bind(
    key: &'static str,
    option: &'static str,
    address: SocketAddr,
    options: serve::Options,
) -> Result<Server> {
    Server::bind(address, options).await.map_err(|source| Error::Listen { key, option, source })
}

fn readiness(leaving: &Arc<AtomicBool>, folder: &Arc<DataFolder>, parts: &Parts) -> serve::Ready {
    let (leaving, parts) = (Arc::clone(leaving), parts.clone());
    let (data, folder) = (folder.join(""), Arc::downgrade(folder));
    Arc::new(move || {
        if leaving.load(Relaxed) {
            return Err("the node is stopping".to_owned());
        }
        still_there(&folder).map_err(|gone| gone.to_string())?;
        parts.check(&data)
    })
}

/// As [`DataFolder::check`]. Whoever only looks must not keep the folder taken.
fn still_there(folder: &Weak<DataFolder>) -> Result<()> {
    folder.upgrade().map_or(Ok(()), |folder| folder.check())
}

/// Ends the bus once the data folder is not there any more: what it still took would be durable nowhere.
async fn guard(folder: Weak<DataFolder>, parts: Parts) {
    let mut every = tokio::time::interval(GUARD_EVERY);
    loop {
        every.tick().await;
        if let Err(gone) = still_there(&folder) {
            tracing::error!("{gone}");
            return parts.stop_bus().await;
        }
    }
}

async fn upkeep(metrics: Metrics) {
    let mut every = tokio::time::interval(UPKEEP_EVERY);
    loop {
        every.tick().await;
        metrics.upkeep();
    }
}
