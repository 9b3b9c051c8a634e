//! Tiers over a real `nats-server`, everything on this machine: the figures of a deployment beside those that the
//! `nats` command reaches on the same server in the same run.
//!
//! Processes are the release build of `catena`, one for each role. Load generator, server and processes share the
//! cores, so notes also say what a message costs each of them in processor time: that is what scales.

mod flow;
mod peer;
mod posts;
mod spread;
mod stage;
mod width;

use std::time::Duration;

use testkit::nats::{self, Server, Setup, Sync};

use crate::report::Row;

/// The way in alone: posts accepted by a forwarder, and what HTTP costs by itself.
pub(crate) async fn posts(time: Duration) -> anyhow::Result<Vec<Row>> {
    if let Some(rows) = without_server() {
        return Ok(rows);
    }
    posts::run(time).await
}

/// The whole way, durable and relaxed, each beside what the `nats` command reaches.
pub(crate) async fn flow(time: Duration) -> anyhow::Result<Vec<Row>> {
    if let Some(rows) = without_server() {
        return Ok(rows);
    }
    let mut rows = Vec::new();
    for (class, sync) in [("durable", Sync::Always), ("relaxed", Sync::Relaxed)] {
        let server = server(sync).await?;
        let peer = peer::measure(&server, sync).await?;
        rows.extend(peer::rows(class, peer.as_ref()));
        rows.extend(flow::run(class, server, peer.as_ref(), time).await?);
    }
    Ok(rows)
}

/// What another distributor adds, and what shards cost.
pub(crate) async fn scale(time: Duration) -> anyhow::Result<Vec<Row>> {
    if let Some(rows) = without_server() {
        return Ok(rows);
    }
    let mut rows = width::run(time).await?;
    rows.extend(spread::shards(time).await?);
    Ok(rows)
}

/// What followers cost.
pub(crate) async fn followers(followers_max: u64) -> anyhow::Result<Vec<Row>> {
    match without_server() {
        Some(rows) => Ok(rows),
        None => spread::followers(followers_max).await,
    }
}

/// What stands in place of every part where there is no server to measure with.
fn without_server() -> Option<Vec<Row>> {
    let how = "needs nats-server 2.12 or newer: `cargo xtask bench` installs one or says how";
    nats::server_path().is_none().then(|| vec![Row::absent("tiers", how)])
}

/// One server, with one copy of everything.
async fn server(sync: Sync) -> anyhow::Result<Server> {
    Server::start(Setup { sync, ..Setup::default() }).await
}
