//! The peer: `nats bench` of natscli, against the same server.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, bail};
use testkit::nats::{Server, Sync};
use tokio::{process::Command, time::timeout};

use crate::report::Row;

/// Messages of one figure.
const MESSAGES: u32 = 60_000;
const STREAM: &str = "peer";
/// One call takes no longer.
const CALL_MAX: Duration = Duration::from_secs(120);
/// How to get the command.
const INSTALL: &str = "no `nats` command on the path or in NATS_CLI: \
                       go install github.com/nats-io/natscli/nats@latest";

/// What the peer reaches, messages a second.
pub(super) struct Peer {
    /// How it publishes.
    manner: &'static str,
    publish: f64,
    pull: f64,
    /// Publishing and pulling at the same time: the slower of the two.
    pub(super) both: f64,
}

/// Measures, where there is a `nats` command.
pub(super) async fn measure(server: &Server, sync: Sync) -> anyhow::Result<Option<Peer>> {
    let Some(nats) = command() else { return Ok(None) };
    let url = server.url();
    let manner = match sync {
        Sync::Always => "atomic",
        Sync::Relaxed => "async",
    };
    let publish = ["pub", manner, "peer.messages", "--create", "--size", "1024"];
    let pull = ["fetch", "--acks", "explicit"];
    let published = run(&nats, &url, &publish).await?;
    let pulled = run(&nats, &url, &pull).await?;
    let (one, other) = tokio::try_join!(run(&nats, &url, &pull), run(&nats, &url, &publish))?;
    Ok(Some(Peer { manner, publish: published, pull: pulled, both: one.min(other) }))
}

/// The rows of a class, or one that says how to get them.
pub(super) fn rows(class: &str, peer: Option<&Peer>) -> Vec<Row> {
    let Some(Peer { manner, publish, pull, both }) = peer else {
        return vec![Row::absent(format!("{class}: `nats bench`"), INSTALL)];
    };
    let of = |what: &str, figure: f64| Row::new(format!("{class}: `nats bench` {what}"), figure, "/s");
    vec![
        of("publish", *publish).note(format!("`js pub {manner}`, batches of 500, 1 KB, one client")),
        of("pull", *pull).note("`js fetch` of 500, explicit acknowledgement"),
        of("publish plus pull", *both).note("both at once: the slower of the two"),
    ]
}

/// One call, and the rate it says it reached.
async fn run(nats: &Path, url: &str, arguments: &[&str]) -> anyhow::Result<f64> {
    let messages = MESSAGES.to_string();
    let mut call = Command::new(nats);
    call.args(["--server", url, "--no-context", "bench", "js"])
        .args(arguments)
        .args(["--stream", STREAM, "--msgs", &messages, "--batch", "500", "--no-progress"])
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = timeout(CALL_MAX, call.output())
        .await
        .with_context(|| format!("`nats bench js {}` did not end in time", arguments.join(" ")))?
        .with_context(|| format!("failed to start `{}`", nats.display()))?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    match rate(&said) {
        Some(rate) if output.status.success() => Ok(rate),
        _ => bail!("`nats bench js {}` ended with {}: {said}", arguments.join(" "), output.status),
    }
}

/// The figure in `… stats: 18,399 msgs/sec ~ …`.
fn rate(said: &str) -> Option<f64> {
    let (before, _) = said.split_once(" msgs/sec")?;
    before.rsplit(' ').next()?.replace(',', "").parse().ok()
}

/// The command that `NATS_CLI` names, or the one on the path.
fn command() -> Option<PathBuf> {
    let named = std::env::var_os("NATS_CLI").filter(|named| !named.is_empty()).map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let name = format!("nats{}", std::env::consts::EXE_SUFFIX);
    let mut found = named.into_iter().chain(std::env::split_paths(&path).map(|folder| folder.join(&name)));
    found.find(|command| command.is_file())
}

#[cfg(test)]
mod tests {
    use super::rate;

    #[test]
    fn the_rate_is_read_from_what_the_command_says() {
        let said = "NATS JetStream atomic batch publisher stats: 18,399 msgs/sec ~ 18 MiB/sec ~ min: 7us";
        assert_eq!(rate(said), Some(18_399.0));
        assert_eq!(rate("no stream"), None);
    }
}
