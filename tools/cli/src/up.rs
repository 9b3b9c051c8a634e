//! `catena up`: a node, until somebody ends it.
//!
//! stdout is one line of JSON, the addresses the node is bound to; logs go to stderr. SIGINT or SIGTERM let it
//! finish what it has begun, a second one ends it at once.

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use node::{
    Config, Node,
    config::{Flag, Sources},
};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    exit::{Result, Usage},
    output::{data, talk},
};

/// Variables of ours that a node has no use for.
const OF_OTHER_COMMANDS: &[&str] = &[
    "CATENA_ADMIN",
    "CATENA_CONFIG",
    "CATENA_OUTPUT",
    "CATENA_ROUNDS",
    "CATENA_SKIPPED",
    "CATENA_TOKEN",
    "CATENA_URL",
];

/// Runs a node: bus, chains, inboxes and HTTP in one process.
#[derive(Args)]
pub(crate) struct Up {
    /// What this process does, of forwarder, distributor, inbox and gateway, separated by commas. Default: all of it.
    #[arg(long, value_name = "ROLES")]
    role: Option<String>,
    /// The NATS servers that connect it with the other processes, separated by commas. Default: none, the bus is embedded.
    #[arg(long, value_name = "URLS")]
    nats: Option<String>,
    /// Its name among the others. Default: one it gives itself and keeps in the data folder.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// A configuration file; flags and CATENA_* variables go before it.
    #[arg(long, value_name = "FILE", env = "CATENA_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
    /// The folder of everything the node keeps. Default: data.
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// The folder of chain files, watched. Default: chains.
    #[arg(long, value_name = "DIR")]
    chains: Option<String>,
    /// The folder of bundles, watched. Default: bundles.
    #[arg(long, value_name = "DIR")]
    bundles: Option<String>,
    /// Where clients are served; port 0 takes a free one. Default: 127.0.0.1:8080.
    #[arg(long, value_name = "ADDR")]
    http: Option<String>,
    /// Where management is served. Default: 127.0.0.1:8081.
    #[arg(long, value_name = "ADDR")]
    admin: Option<String>,
    /// What is logged: `info`, or `info,catena_mpc=debug`.
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
    /// How it is logged: `text` or `json`.
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
}

impl Up {
    pub(crate) fn execute(self) -> Result<()> {
        let config = Config::load(&self.sources()).map_err(|error| match error {
            // Called wrongly, by a flag, a variable or a file: all are ways of calling.
            error @ (node::ConfigError::Values { .. } | node::ConfigError::File { .. }) => {
                anyhow::Error::new(Usage(error.to_string()))
            }
            error => error.into(),
        })?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        runtime.context("failed to start the runtime")?.block_on(run(config))
    }

    fn sources(self) -> Sources {
        let Self { role, nats, name, config, data, chains, bundles, http, admin, log, log_format } = self;
        let flags = [
            ("roles", "--role", role.as_deref().map(list)),
            ("nats.urls", "--nats", nats.as_deref().map(list)),
            ("name", "--name", name),
            ("data", "--data", data),
            ("chains", "--chains", chains),
            ("bundles", "--bundles", bundles),
            ("http.address", "--http", http),
            ("admin.address", "--admin", admin),
            ("log.filter", "--log", log),
            ("log.format", "--log-format", log_format),
        ];
        let flags =
            flags.into_iter().filter_map(|(key, flag, value)| Some(Flag { key, flag, value: value? }));
        // A variable that is no text is none of ours.
        let environment =
            std::env::vars_os().filter_map(|(n, v)| Some((n.into_string().ok()?, v.into_string().ok()?)));
        Sources {
            file: config,
            environment: environment.collect(),
            foreign: OF_OTHER_COMMANDS,
            flags: flags.collect(),
        }
    }
}

/// `a,b` as TOML writes a list of texts.
pub(crate) fn list(text: &str) -> String {
    let quoted: Vec<_> = text.split(',').map(|part| format!("{:?}", part.trim())).collect();
    format!("[{}]", quoted.join(", "))
}

async fn run(config: Config) -> Result<()> {
    // Listened for before anything is opened, so that no signal finds a node half set up and kills it.
    let mut signals = Signals::listen().context("failed to listen for signals")?;
    let node = Node::start(config).await?;
    data(&serde_json::to_string(&node.addresses())?)?;
    signals.next().await;
    talk("stopping: what is in flight is finished first; once more to end at once");
    tokio::select! {
        () = node.shutdown() => Ok(()),
        () = signals.next() => {
            talk("ended at once");
            // Nothing accepted is lost by this: it is on disk, and goes on at the next start.
            std::process::exit(ENDED_AT_ONCE);
        }
    }
}

/// As shells report a program that SIGINT ended.
const ENDED_AT_ONCE: i32 = 130;

/// The signals that ask a process to end.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
