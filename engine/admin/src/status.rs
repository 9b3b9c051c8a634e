use std::net::SocketAddr;

use axum::{
    Json,
    extract::{Path, State},
};
use mpc::{BundlesStatus, ChainStatus, GenerationStatus};
use serde::Serialize;
use serve::Problem;

use crate::{
    Parts, health,
    listing::Items,
    problem::{of_center, of_inbox},
};

/// The node in one look.
#[derive(Serialize)]
pub(crate) struct Status {
    version: &'static str,
    ready: bool,
    /// Why it is not ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// What somebody should look at, a sentence each; empty when everything flows.
    troubles: Vec<String>,
    /// Where the data plane listens.
    http: SocketAddr,
    uptime_ms: u128,
    chains: usize,
    /// Chains whose file, as it is now, does not run.
    refused: usize,
    dead_letters: u64,
    /// Messages that lanes and shards have yet to settle.
    waiting: u64,
}

/// `GET /v1/status`.
pub(crate) async fn node(State(parts): State<Parts>) -> Result<Json<Status>, Problem> {
    let chains = parts.center.chains();
    let dead_letters = parts.center.dead_letters().count().await.map_err(|error| of_center(&error))?;
    let shards = parts.inbox.positions().await.map_err(|error| of_inbox(&error))?;
    let ready = parts.center.ready();
    let lag = chains.iter().flat_map(|chain| &chain.lanes).map(|lane| lane.lag);
    let behind = shards.iter().map(|shard| shard.last.saturating_sub(shard.applied));
    Ok(Json(Status {
        version: env!("CARGO_PKG_VERSION"),
        ready: ready.is_ok(),
        reason: ready.as_ref().err().map(ToString::to_string),
        troubles: health::troubles(ready, &chains, &parts.center.bundles(), &shards),
        http: parts.http,
        uptime_ms: parts.started.elapsed().as_millis(),
        refused: chains.iter().filter(|chain| chain.refused.is_some()).count(),
        chains: chains.len(),
        dead_letters,
        waiting: lag.chain(behind).sum(),
    }))
}

/// `GET /v1/chains`.
pub(crate) async fn chains(State(parts): State<Parts>) -> Json<Items<ChainStatus>> {
    Json(Items::all(parts.center.chains()))
}

/// `GET /v1/chains/{id}`.
pub(crate) async fn chain(
    State(parts): State<Parts>,
    Path(id): Path<String>,
) -> Result<Json<ChainStatus>, Problem> {
    let found = parts.center.chains().into_iter().find(|chain| *chain.id == *id);
    found.map(Json).ok_or_else(|| Problem::not_found(format!("no chain is called `{id}`")))
}

/// `GET /v1/generations`.
pub(crate) async fn generations(State(parts): State<Parts>) -> Json<Items<GenerationStatus>> {
    Json(Items::all(parts.center.generations()))
}

/// `GET /v1/bundles`.
pub(crate) async fn bundles(State(parts): State<Parts>) -> Json<BundlesStatus> {
    Json(parts.center.bundles())
}

/// One inbox shard.
#[derive(Serialize)]
pub(crate) struct Shard {
    shard: u32,
    /// The last sequence of its partition whose effects are all there.
    applied: u64,
    /// The last sequence of its partition.
    last: u64,
    /// Why it stopped, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
}

/// `GET /v1/shards`.
pub(crate) async fn shards(State(parts): State<Parts>) -> Result<Json<Items<Shard>>, Problem> {
    let positions = parts.inbox.positions().await.map_err(|error| of_inbox(&error))?;
    let shard =
        |at: inbox::Position| Shard { shard: at.shard, applied: at.applied, last: at.last, fault: at.fault };
    Ok(Json(Items::all(positions.into_iter().map(shard).collect())))
}
