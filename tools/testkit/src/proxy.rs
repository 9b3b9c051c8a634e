//! A TCP proxy on loopback in front of one server, for what networks do: cut, stalled, flapping, slow.
//!
//! A *cut* is what a process that died looks like: connections close, new ones too. A *stall* is what a pulled cable
//! looks like: nothing arrives and nothing closes; what was under way arrives once it is [healed](Proxy::heal), unless
//! somebody gave up before. Bytes are never changed, reordered or invented; a [`Sieve`] that a test brings along may take some
//! out.
//!
//! At most [`CONNECTIONS_MAX`] connections at a time, the next is closed; per direction of each at most 1 MiB is
//! held, then the sender has to wait. Dropping the proxy closes everything.

mod connection;
mod weather;

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use weather::{Link, Weather};

/// Connections at a time: many more than one client opens again and again during a long stall.
pub const CONNECTIONS_MAX: usize = 1024;

/// What takes bytes out of what one client sends: it is given each piece as it is read, and answers what goes on. What it
/// holds back for a later call is its own affair.
pub type Sieve = Box<dyn FnMut(Vec<u8>) -> Vec<u8> + Send>;

/// Makes one for each connection.
type Sieves = Box<dyn Fn() -> Sieve + Send>;

/// A proxy. It passes everything until it is told otherwise.
pub struct Proxy {
    address: SocketAddr,
    weather: watch::Sender<Weather>,
    // Aborted when dropped, and with it the connections it owns.
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// Listens on a free port in front of `server`, which need not run yet.
    ///
    /// # Errors
    /// No port could be bound.
    pub async fn before(server: SocketAddr) -> Result<Self> {
        Self::start(server, None).await
    }

    /// As [`before`](Self::before), with a sieve of its own for each connection.
    ///
    /// # Errors
    /// As [`before`](Self::before).
    pub async fn sifting(server: SocketAddr, sieves: impl Fn() -> Sieve + Send + 'static) -> Result<Self> {
        Self::start(server, Some(Box::new(sieves))).await
    }

    async fn start(server: SocketAddr, sieves: Option<Sieves>) -> Result<Self> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("failed to bind the proxy")?;
        let address = listener.local_addr()?;
        let weather = watch::Sender::new(Weather::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, server, weather.clone(), sieves));
        tasks.spawn(flap(weather.clone()));
        Ok(Self { address, weather, _tasks: tasks })
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same as a URL for NATS clients.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// Drops all connections, with what was under way, and closes every new one at once.
    pub fn cut(&self) {
        self.weather.send_modify(|weather| {
            weather.flapping = None;
            weather.cut();
        });
    }

    /// Accepts connections and forwards nothing, in neither direction: a black hole.
    pub fn stall(&self) {
        self.weather.send_modify(|weather| {
            weather.flapping = None;
            weather.link = Link::Stalled;
        });
    }

    /// As [`stall`](Self::stall), from the server to the client only: the server is told, and its answers do not come.
    pub fn stall_answers(&self) {
        self.weather.send_modify(|weather| {
            weather.flapping = None;
            weather.link = Link::Unanswered;
        });
    }

    /// Forwards again. What a stall held up arrives now; what a cut dropped is gone.
    pub fn heal(&self) {
        self.weather.send_modify(|weather| {
            weather.flapping = None;
            weather.link = Link::Passing;
        });
    }

    /// Cut for half of each period and healed for the other, beginning with a cut, until told otherwise.
    pub fn flap(&self, period: Duration) {
        self.weather.send_modify(|weather| {
            weather.flapping = Some(period / 2);
            weather.cut();
        });
    }

    /// Holds every byte back for so long, in each direction; a round trip takes twice that. Zero ends it.
    pub fn delay(&self, latency: Duration) {
        self.weather.send_modify(|weather| weather.latency = latency);
    }
}

/// Takes connections and owns them.
async fn accept(
    listener: TcpListener,
    server: SocketAddr,
    weather: watch::Sender<Weather>,
    sieves: Option<Sieves>,
) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        // A client that is gone again by the time it is accepted is no fault of the proxy.
        let Ok((client, _)) = accepted else { continue };
        let passing = weather.borrow().link != Link::Cut;
        if passing && connections.len() < CONNECTIONS_MAX {
            let sieve = sieves.as_ref().map(|sieves| sieves());
            connections.spawn(connection::serve(client, server, weather.subscribe(), sieve));
        }
    }
}

/// Turns the link over while it flaps.
async fn flap(weather: watch::Sender<Weather>) {
    let mut changes = weather.subscribe();
    loop {
        let Some(half) = changes.borrow_and_update().flapping else {
            if changes.changed().await.is_err() {
                return;
            }
            continue;
        };
        tokio::time::sleep(half).await;
        // Asked again under the lock: it may have been told otherwise meanwhile, and that holds.
        weather.send_if_modified(|weather| weather.flapping.is_some() && weather.turn());
    }
}
