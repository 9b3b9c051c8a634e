use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinHandle,
    time::MissedTickBehavior,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Error, Options,
    connection::{self, Ends},
    metric,
    watch::Table,
};

const REAP_EVERY: Duration = Duration::from_millis(500);
/// After an accept that failed for want of something (file descriptors, memory).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A listening socket that is not served yet: connections wait in the system's queue.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    options: Options,
}

impl Server {
    /// Listens on `address`; port 0 takes a free one.
    ///
    /// # Errors
    /// [`Error::Bind`].
    pub async fn bind(address: SocketAddr, options: Options) -> Result<Self, Error> {
        let bound = async {
            let listener = TcpListener::bind(address).await?;
            let address = listener.local_addr()?;
            Ok(Self { listener, address, options })
        };
        bound.await.map_err(|source| Error::Bind { address, source })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves `router` until [`Serving::stop`]. `name` tells the servers of a process apart in metrics.
    #[must_use]
    pub fn start(self, name: &'static str, router: Router) -> Serving {
        let ends = Ends { drain: CancellationToken::new(), abort: CancellationToken::new() };
        let drain = self.options.drain;
        let connections = TaskTracker::new();
        let accepting = Accepting {
            name,
            listener: self.listener,
            places: Arc::new(Semaphore::new(self.options.connections_max)),
            options: Arc::new(self.options),
            table: Table::new(),
            router,
            ends: ends.clone(),
            connections: connections.clone(),
        };
        Serving { task: tokio::spawn(accepting.run()), connections, ends, drain }
    }
}

/// A server at work. Dropping it aborts every connection.
#[derive(Debug)]
pub struct Serving {
    task: JoinHandle<()>,
    connections: TaskTracker,
    ends: Ends,
    drain: Duration,
}

impl Serving {
    /// Accepts no more, lets requests in flight finish for as long as the options say, then cuts off.
    pub async fn stop(mut self) {
        self.ends.drain.cancel();
        // The accept loop ends by itself on that token; were it to panic, there is nothing left to stop.
        let _ = (&mut self.task).await;
        self.connections.close();
        if tokio::time::timeout(self.drain, self.connections.wait()).await.is_err() {
            tracing::warn!(connections = self.connections.len(), "cut off connections that did not finish");
            self.ends.abort.cancel();
            self.connections.wait().await;
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.task.abort();
        self.ends.abort.cancel();
    }
}

/// The accept loop and what it hands to connections.
struct Accepting {
    name: &'static str,
    listener: TcpListener,
    places: Arc<Semaphore>,
    options: Arc<Options>,
    table: Arc<Table>,
    router: Router,
    ends: Ends,
    connections: TaskTracker,
}

impl Accepting {
    async fn run(self) {
        let mut reap = tokio::time::interval(REAP_EVERY);
        reap.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = self.ends.drain.cancelled() => return,
                _ = reap.tick() => self.reap(),
                accepted = self.listener.accept() => match accepted {
                    Ok((socket, _)) => self.admit(socket),
                    Err(error) => self.refused(&error).await,
                },
            }
        }
    }

    fn reap(&self) {
        for reason in self.table.reap(&self.options) {
            metrics::counter!(metric::CLOSED_TOTAL, "server" => self.name, "reason" => reason).increment(1);
        }
    }

    fn admit(&self, socket: TcpStream) {
        let permit = match self.places.clone().try_acquire_owned() {
            Ok(permit) => Some(permit),
            Err(_) => {
                metrics::counter!(metric::CLOSED_TOTAL, "server" => self.name, "reason" => "room")
                    .increment(1);
                if !self.table.make_room() {
                    return; // Every place is at work for somebody: this one is turned away.
                }
                None
            }
        };
        metrics::counter!(metric::CONNECTIONS_TOTAL, "server" => self.name).increment(1);
        // Nagle's delay would hold back the end of an answer; where it cannot be set, it is only slower.
        let _ = socket.set_nodelay(true);
        let (place, places, ends) = (self.table.enter(), self.places.clone(), self.ends.clone());
        let router = self.router.clone();
        self.connections.spawn(async move {
            // Where room had to be made, wait for the place to be free: that is a matter of one poll.
            let Ok(_permit) = (match permit {
                Some(permit) => Ok(permit),
                None => places.acquire_owned().await,
            }) else {
                return;
            };
            connection::serve(socket, place, router, ends).await;
        });
    }

    /// Accepting failed: a client that is gone already, or we are out of descriptors.
    async fn refused(&self, error: &std::io::Error) {
        use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
        if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
            return;
        }
        tracing::warn!(%error, server = self.name, "failed to accept a connection");
        self.table.make_room();
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

#[cfg(test)]
mod tests;
