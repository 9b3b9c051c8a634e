mod parts;

#[cfg(test)]
mod tests;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use serve::{Server, Serving};
use telemetry::Metrics;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{Config, Result, descriptors, folder::DataFolder};
use parts::Parts;

/// How often samples are folded into histograms.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

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
        let metrics = Metrics::install()?;
        let folder = Arc::new(DataFolder::take(&config.data)?);
        let http = serve::Options {
            connections_max: descriptors::connections(config.http.connections_max),
            ..serve::Options::default()
        };
        let management = serve::Options { connections_max: 128, ..http.clone() };
        let http = Server::bind(config.http.address, http).await?;
        let management = Server::bind(config.admin.address, management).await?;
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
        let node = Self { addresses, gateway, admin, closing, _upkeep, leaving, parts, folder };
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
        tracing::info!("the node has stopped");
    }
}

fn readiness(leaving: &Arc<AtomicBool>, folder: &DataFolder, parts: &Parts) -> serve::Ready {
    let (leaving, parts, data) = (Arc::clone(leaving), parts.clone(), folder.join(""));
    Arc::new(move || {
        if leaving.load(Relaxed) {
            return Err("the node is stopping".to_owned());
        }
        parts.check(&data)
    })
}

async fn upkeep(metrics: Metrics) {
    let mut every = tokio::time::interval(UPKEEP_EVERY);
    loop {
        every.tick().await;
        metrics.upkeep();
    }
}
