//! A node as a child process: started on free ports, killed, started again, stopped; every wait bounded.

use std::{
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

use crate::{
    client::Client,
    signal::{self, Signal},
    wait,
};

/// How long a node may take to print where it listens, and to be ready: longer than it waits itself for servers that are
/// electing, so that it is the one who says so.
const START_AT_MOST: Duration = Duration::from_secs(45);
const STOP_AT_MOST: Duration = Duration::from_secs(30);

/// What to start, and on what.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The `catena` command.
    pub catena: PathBuf,
    /// The node's folders; each must exist but `data`.
    pub data: PathBuf,
    /// Chain files.
    pub chains: PathBuf,
    /// Bundles.
    pub bundles: PathBuf,
    /// Further arguments of `catena up`.
    pub arguments: Vec<String>,
    /// Further environment.
    pub environment: Vec<(String, String)>,
}

impl Setup {
    /// A node with its three folders and its log under `folder`.
    #[must_use]
    pub fn under(folder: &Path, catena: PathBuf) -> Self {
        Self {
            catena,
            data: folder.join("data"),
            chains: folder.join("chains"),
            bundles: folder.join("bundles"),
            arguments: Vec::new(),
            environment: Vec::new(),
        }
    }

    /// Where its standard error goes, over all its lives.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.data.with_extension("log")
    }

    /// The last lines of the log, for a message about what went wrong.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let text = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n")
    }
}

/// The line a node prints when it is bound.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Addresses {
    /// The data plane, `host:port`.
    pub http: String,
    /// The management plane, `host:port`.
    pub admin: String,
}

/// A running `catena up`. Dropping it kills it.
pub struct NodeProcess {
    setup: Setup,
    child: Child,
    // Kept open: a node that writes to a closed pipe would die of it.
    _stdout: BufReader<ChildStdout>,
    addresses: Addresses,
}

impl NodeProcess {
    /// Starts a node on free ports and waits until it is ready.
    ///
    /// # Errors
    /// It did not start, or not in time; the error ends with the tail of its log.
    pub async fn start(setup: Setup) -> Result<Self> {
        let node = Self::bound(setup).await?;
        node.ready().await?;
        Ok(node)
    }

    /// As [`start`](Self::start), without waiting for readiness.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn bound(setup: Setup) -> Result<Self> {
        let tail = setup.clone();
        Self::spawn(setup).await.with_context(|| format!("the node's log ends with:\n{}", tail.log_tail()))
    }

    async fn spawn(setup: Setup) -> Result<Self> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(setup.log())?;
        let mut command = Command::new(&setup.catena);
        // What is set up decides, not what somebody has exported.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CATENA_") {
                command.env_remove(name);
            }
        }
        let mut child = command
            .arg("up")
            .args(["--http", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
            .arg("--data")
            .arg(&setup.data)
            .arg("--chains")
            .arg(&setup.chains)
            .arg("--bundles")
            .arg(&setup.bundles)
            .args(&setup.arguments)
            .envs(setup.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("failed to start `{}`", setup.catena.display()))?;
        let mut stdout = BufReader::new(child.stdout.take().context("no pipe to the node")?);
        let mut line = String::new();
        timeout(START_AT_MOST, stdout.read_line(&mut line))
            .await
            .context("the node printed no address in time")??;
        if line.is_empty() {
            bail!("the node ended with {} before it printed its addresses", child.wait().await?);
        }
        let addresses =
            serde_json::from_str(&line).with_context(|| format!("`{line}` is not the line of addresses"))?;
        Ok(Self { setup, child, _stdout: stdout, addresses })
    }

    /// Waits until the node accepts posts and its chains are live.
    ///
    /// # Errors
    /// Not in time.
    pub async fn ready(&self) -> Result<()> {
        let client = self.client()?;
        wait::until("the node is ready", START_AT_MOST, async || client.ready().await.then_some(()))
            .await
            .with_context(|| format!("the node's log ends with:\n{}", self.setup.log_tail()))
    }

    /// A client of this life of the node.
    ///
    /// # Errors
    /// The node's token cannot be read.
    pub fn client(&self) -> Result<Client> {
        Client::new(&self.addresses, &self.setup.data)
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// What it was started with.
    #[must_use]
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// The process id while it lives.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// The bytes of memory it has resident, as Linux counts them.
    ///
    /// # Errors
    /// It has ended, or this is no Linux.
    pub fn memory_bytes(&self) -> Result<u64> {
        let id = self.id().context("the node has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).context("no `/proc`")?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = resident.and_then(|text| text.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        kib.map(|kib| kib * 1024).context("`/proc` names no resident memory")
    }

    /// `kill -9`, and what remains to start again with.
    ///
    /// # Errors
    /// The process could not be killed.
    pub async fn kill(mut self) -> Result<Setup> {
        self.child.kill().await.context("failed to kill the node")?;
        Ok(self.setup)
    }

    /// SIGSTOP, and waits until it stands still: its connections stay open, and it answers nothing.
    ///
    /// # Errors
    /// It has ended.
    pub async fn pause(&self) -> Result<()> {
        signal::pause("the node", self.id()).await
    }

    /// SIGCONT: goes on where it was [`pause`](Self::pause)d.
    ///
    /// # Errors
    /// It has ended.
    pub fn resume(&self) -> Result<()> {
        signal::send("the node", self.id(), Signal::CONT)
    }

    /// Asks it to end, and waits until it has.
    ///
    /// # Errors
    /// It did not end in time.
    pub async fn stop(mut self) -> Result<(ExitStatus, Setup)> {
        signal::send("the node", self.id(), Signal::TERM)?;
        let status =
            timeout(STOP_AT_MOST, self.child.wait()).await.context("the node did not stop in time")??;
        Ok((status, self.setup))
    }
}
