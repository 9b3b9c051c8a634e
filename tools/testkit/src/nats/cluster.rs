//! Several servers that replicate.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::{server::Server, setup::Setup};

/// How long a cluster may take to agree on a leader and to catch up. Electing takes seconds after a kill, and more on a
/// machine that builds beside it.
const SETTLED_AT_MOST: Duration = Duration::from_secs(60);
/// How often other ports are tried where some were taken.
const TRIES: usize = 5;

/// Servers that know each other, all on loopback. Dropping it kills them.
pub struct Cluster {
    nodes: Vec<Server>,
}

impl Cluster {
    /// Starts so many servers (three, or five) of the default [`Setup`] and waits until they have [`settled`](Self::settled).
    ///
    /// # Errors
    /// As [`Server::start`], or they did not settle in time.
    pub async fn start(count: usize) -> Result<Self> {
        Self::of(&Setup::default(), count).await
    }

    /// As [`start`](Self::start), each set up so; their names are `n1`, `n2`, ….
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn of(setup: &Setup, count: usize) -> Result<Self> {
        let mut tries = 1;
        loop {
            let mut cluster = Self::down(setup, count)?;
            match cluster.up().await {
                Err(_) if tries < TRIES && cluster.nodes.iter().any(Server::met_a_taken_port) => tries += 1,
                done => return done.map(|()| cluster),
            }
        }
    }

    fn down(setup: &Setup, count: usize) -> Result<Self> {
        let named = (1..=count).map(|number| Setup { name: format!("n{number}"), ..setup.clone() });
        let mut nodes = named.map(Server::down).collect::<Result<Vec<_>>>()?;
        let routes: Vec<_> = nodes.iter().map(Server::route).collect();
        nodes.iter_mut().for_each(|node| node.join(&routes));
        Ok(Self { nodes })
    }

    async fn up(&mut self) -> Result<()> {
        for node in &mut self.nodes {
            node.restart().await?;
        }
        self.settled().await
    }

    /// The servers, those that are down too.
    #[must_use]
    pub fn nodes(&self) -> &[Server] {
        &self.nodes
    }

    /// One server, counted from 0: to kill, pause, restart.
    ///
    /// # Errors
    /// There are not so many.
    pub fn node(&mut self, index: usize) -> Result<&mut Server> {
        let count = self.nodes.len();
        self.nodes.get_mut(index).with_context(|| format!("there is no server {index}, there are {count}"))
    }

    /// The server of this name, as `/jsz` and stream infos name leaders.
    ///
    /// # Errors
    /// None is called so.
    pub fn named(&mut self, name: &str) -> Result<&mut Server> {
        let node = self.nodes.iter_mut().find(|node| node.setup.name == name);
        node.with_context(|| format!("no server is called `{name}`"))
    }

    /// The URLs of all, for a client.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Server::url).collect()
    }

    /// The name of the leader that all servers which run agree on; `None` while they do not.
    pub async fn meta_leader(&mut self) -> Option<String> {
        let mut leader: Option<String> = None;
        for node in &mut self.nodes {
            if !node.is_running() {
                continue;
            }
            let jsz = node.monitoring("/jsz").await.ok()?;
            let named = jsz.pointer("/meta_cluster/leader").and_then(Value::as_str)?.to_owned();
            if named.is_empty() || leader.as_ref().is_some_and(|leader| *leader != named) {
                return None;
            }
            leader = Some(named);
        }
        leader
    }

    /// Waits until the servers that run agree on a leader who is one of them, and each has caught up with its streams.
    /// A majority must run.
    ///
    /// # Errors
    /// Not in time, or too few run.
    pub async fn settled(&mut self) -> Result<()> {
        let running: Vec<String> = self
            .nodes
            .iter_mut()
            .filter_map(|node| node.is_running().then(|| node.setup.name.clone()))
            .collect();
        if running.len() * 2 <= self.nodes.len() {
            bail!("{} of {} servers run, which is no majority", running.len(), self.nodes.len());
        }
        let began = std::time::Instant::now();
        loop {
            if self.meta_leader().await.is_some_and(|leader| running.contains(&leader)) {
                break;
            }
            if began.elapsed() > SETTLED_AT_MOST {
                bail!("waited {SETTLED_AT_MOST:?} in vain for {} to agree on a leader", running.join(", "));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        for node in self.nodes.iter().filter(|node| running.contains(&node.setup.name)) {
            node.healthy().await?;
        }
        Ok(())
    }

    /// Stops and starts one server after the other, each after the last has caught up: an upgrade.
    ///
    /// # Errors
    /// One did not come back, or did not catch up in time.
    pub async fn rolling_restart(&mut self) -> Result<()> {
        for index in 0..self.nodes.len() {
            self.node(index)?.restart().await?;
            self.settled().await?;
        }
        Ok(())
    }
}
