//! One server as a child process, over all its lives.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    process::{Child, Command},
    time::{sleep, timeout},
};

use super::{config, find::server_path, guard::Guard, monitor::Monitor, ports::Ports, setup::Setup, tls};
use crate::{
    signal::{self, Signal},
    wait,
};

/// How long a server may take to be ready (it may have much to recover) and to stop.
const START_AT_MOST: Duration = Duration::from_secs(30);
/// One that was away first catches up with all that the others did meanwhile; after hundreds of rounds that is a lot.
const HEALTHY_AT_MOST: Duration = Duration::from_secs(180);
const STOP_AT_MOST: Duration = Duration::from_secs(30);
/// How often other ports are tried where some were taken.
const TRIES: usize = 5;
const PAUSE: Duration = Duration::from_millis(20);

/// A `nats-server` with a port and a store of its own. It may be down between two lives; dropping it kills it and
/// removes the store.
pub struct Server {
    /// May be changed at any time; the next [`restart`](Self::restart) starts what it then says.
    pub setup: Setup,
    // In this order: the guard goes before the server it watches over is reaped, the folder goes last.
    life: Option<Life>,
    ports: Ports,
    routes: Vec<u16>,
    monitor: Monitor,
    folder: TempDir,
}

/// One life of a server.
struct Life {
    guard: Guard,
    child: Child,
}

impl Server {
    /// Starts a server on free ports and waits until it is ready.
    ///
    /// # Errors
    /// There is no `nats-server`, or it did not start, or not in time; the error ends with the tail of its log.
    pub async fn start(setup: Setup) -> Result<Self> {
        let mut tries = 1;
        loop {
            let mut server = Self::down(setup.clone())?;
            match server.restart().await {
                Err(_) if tries < TRIES && server.met_a_taken_port() => tries += 1,
                done => return done.map(|()| server),
            }
        }
    }

    /// A server that has ports and a folder, and was never started.
    pub(super) fn down(setup: Setup) -> Result<Self> {
        let ports = Ports::choose()?;
        let folder = tempfile::Builder::new().prefix("catena-nats-").tempdir()?;
        Ok(Self {
            setup,
            life: None,
            ports,
            routes: Vec::new(),
            monitor: Monitor::new(ports.monitor)?,
            folder,
        })
    }

    /// Where other servers of a cluster reach it.
    pub(super) fn route(&self) -> u16 {
        self.ports.route
    }

    /// Makes it one of the cluster that listens on these ports.
    pub(super) fn join(&mut self, routes: &[u16]) {
        self.routes = routes.to_vec();
    }

    /// Whether its last life ended because somebody else had one of its ports.
    pub(super) fn met_a_taken_port(&self) -> bool {
        self.log_tail().contains("address already in use")
    }

    /// Starts it again on the same ports and store, after stopping it if it runs, and waits until it is ready. One of a cluster
    /// is ready when it takes connections; [`Cluster::settled`](super::Cluster::settled) waits for more.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn restart(&mut self) -> Result<()> {
        if self.is_running() {
            self.stop().await?;
        }
        self.spawn()?;
        let began = Instant::now();
        while !self.monitor.healthy(!self.routes.is_empty()).await {
            if !self.is_running() {
                bail!("nats-server ended by itself; its log ends with:\n{}", self.log_tail());
            }
            if began.elapsed() > START_AT_MOST {
                bail!(
                    "nats-server was not ready within {START_AT_MOST:?}; its log ends with:\n{}",
                    self.log_tail()
                );
            }
            sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Starts the process; [`restart`](Self::restart) also waits for it.
    pub(super) fn spawn(&mut self) -> Result<()> {
        let program = server_path().context(
            "there is no nats-server of 2.12 or newer: run `cargo xtask test`, which installs one, or name one in \
             NATS_SERVER",
        )?;
        config::write(self.folder.path(), &self.setup, self.ports, &self.routes)?;
        // A file per life: what went wrong before is not what goes wrong now.
        let log = std::fs::File::create(self.log())?;
        let child = Command::new(&program)
            .arg("--config")
            .arg(self.folder.path().join("nats.conf"))
            .envs(self.setup.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("failed to start `{}`", program.display()))?;
        let id = child.id().context("nats-server ended at once")?;
        let guard = Guard::over(id, self.folder.path())?;
        self.life = Some(Life { guard, child });
        Ok(())
    }

    /// SIGTERM, and waits until it has ended.
    ///
    /// # Errors
    /// It does not run, or it did not end in time.
    pub async fn stop(&mut self) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.ended().await
    }

    /// SIGKILL, and waits until it has ended. What it had not synced is still in the page cache: this is no power failure.
    ///
    /// # Errors
    /// It does not run.
    pub async fn kill(&mut self) -> Result<ExitStatus> {
        self.signal(Signal::KILL)?;
        self.ended().await
    }

    /// SIGSTOP, and waits until it stands still: connections stay open, and nothing is answered.
    ///
    /// # Errors
    /// It does not run.
    pub async fn pause(&self) -> Result<()> {
        signal::pause("nats-server", self.id()).await
    }

    /// SIGCONT: goes on where it was [`pause`](Self::pause)d.
    ///
    /// # Errors
    /// It does not run.
    pub fn resume(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        signal::send("nats-server", self.id(), signal)
    }

    async fn ended(&mut self) -> Result<ExitStatus> {
        let Some(Life { guard, mut child }) = self.life.take() else { bail!("nats-server is not running") };
        drop(guard);
        Ok(timeout(STOP_AT_MOST, child.wait()).await.context("nats-server did not stop in time")??)
    }

    /// Whether the process lives, paused or not.
    pub fn is_running(&mut self) -> bool {
        self.life.as_mut().is_some_and(|life| matches!(life.child.try_wait(), Ok(None)))
    }

    /// The process id while it lives.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.life.as_ref().and_then(|life| life.child.id())
    }

    /// Where clients connect; the same in every life.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports.client).into()
    }

    /// The same as a URL: `nats://127.0.0.1:…`, or `tls://` with TLS.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.setup.tls.is_some() { "tls" } else { "nats" };
        format!("{scheme}://{}", self.address())
    }

    /// Where it is monitored: `http://127.0.0.1:…`.
    #[must_use]
    pub fn monitor_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.monitor)
    }

    /// The certificate that clients must trust, as a file; there with TLS only.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        tls::Authority::path(self.folder.path())
    }

    /// The folder with its configuration, its log and its store.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What its monitoring port has at this path: `/varz`, `/jsz?streams=true`, …
    ///
    /// # Errors
    /// It does not answer, or answers a failure.
    pub async fn monitoring(&self, path: &str) -> Result<Value> {
        self.monitor.get(path).await
    }

    /// Its version, `2.15.2`.
    ///
    /// # Errors
    /// As [`monitoring`](Self::monitoring).
    pub async fn version(&self) -> Result<String> {
        let varz = self.monitoring("/varz").await?;
        let version = varz.get("version").and_then(Value::as_str).context("/varz names no version")?;
        Ok(version.to_owned())
    }

    /// Waits until all that the server has recovered is in order.
    ///
    /// # Errors
    /// Not in time.
    pub async fn healthy(&self) -> Result<()> {
        let what = format!("`{}` is healthy", self.setup.name);
        wait::until(&what, HEALTHY_AT_MOST, async || self.monitor.healthy(false).await.then_some(()))
            .await
            .with_context(|| format!("its log ends with:\n{}", self.log_tail()))
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("nats.log")
    }

    /// The last lines of the log of its last life, for a message about what went wrong.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let text = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n")
    }
}

impl Drop for Server {
    /// Kills it and waits, shortly: a server that still writes would keep its folder from being removed.
    fn drop(&mut self) {
        let Some(Life { guard, mut child }) = self.life.take() else { return };
        drop(guard);
        let _ = child.start_kill();
        for _ in 0..200 {
            if !matches!(child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
