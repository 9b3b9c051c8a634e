use std::net::SocketAddr;

use axum::{Json, extract::State};
use model::chain_of;
use mpc::{BundlesStatus, Center, ChainStatus, GenerationStatus};
use serde::Serialize;
use serve::Problem;

use crate::{
    About, Parts,
    health::{self, Seen},
    listing::Items,
    param::Path,
    problem::of_inbox,
};

/// The node in one look.
#[derive(Serialize)]
pub(crate) struct Status {
    version: &'static str,
    #[serde(flatten)]
    about: About,
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
    /// Not known while the bus does not answer; the troubles say why.
    dead_letters: Option<u64>,
    /// Messages that lanes and shards have yet to settle; not known while the shards do not answer.
    waiting: Option<u64>,
}

/// `GET /v1/status`: an answer whatever is wrong with the node, since that is when it is asked for.
pub(crate) async fn node(State(parts): State<Parts>) -> Json<Status> {
    let (ready, chains) = ((parts.ready)(), parts.center.as_ref().map(Center::chains).unwrap_or_default());
    let dead = match &parts.center {
        Some(center) => center.dead_letters().count().await.map(Some).map_err(|error| chain_of(&error)),
        None => Ok(None),
    };
    let shards = parts.positions().await.map_err(|error| chain_of(&error));
    let lag: u64 = chains.iter().flat_map(|chain| &chain.lanes).map(|lane| lane.lag).sum();
    let behind = |at: &inbox::Position| at.last.saturating_sub(at.applied);
    let waiting = shards.as_ref().ok().map(|shards| lag + shards.iter().map(behind).sum::<u64>());
    let bundles = parts.center.as_ref().map(Center::bundles).unwrap_or_default();
    let away = parts.center.as_ref().map(Center::away).unwrap_or_default();
    let seen = Seen {
        ready: &ready,
        chains: &chains,
        bundles: &bundles,
        away: &away,
        dead: dead.as_ref().err(),
        shards: shards.as_deref(),
    };
    Json(Status {
        version: env!("CARGO_PKG_VERSION"),
        about: parts.about,
        ready: ready.is_ok(),
        troubles: health::troubles(&seen),
        reason: ready.err(),
        http: parts.http,
        uptime_ms: parts.started.elapsed().as_millis(),
        refused: chains.iter().filter(|chain| chain.refused.is_some()).count(),
        chains: chains.len(),
        dead_letters: dead.ok().flatten(),
        waiting,
    })
}

/// `GET /v1/chains`.
pub(crate) async fn chains(State(parts): State<Parts>) -> Result<Json<Items<ChainStatus>>, Problem> {
    Ok(Json(Items::all(parts.center()?.chains())))
}

/// `GET /v1/chains/{id}`.
pub(crate) async fn chain(
    State(parts): State<Parts>,
    Path(id): Path<String>,
) -> Result<Json<ChainStatus>, Problem> {
    let found = parts.center()?.chains().into_iter().find(|chain| *chain.id == *id);
    found.map(Json).ok_or_else(|| Problem::not_found(format!("no chain is called `{id}`")))
}

/// `GET /v1/generations`.
pub(crate) async fn generations(
    State(parts): State<Parts>,
) -> Result<Json<Items<GenerationStatus>>, Problem> {
    Ok(Json(Items::all(parts.center()?.generations())))
}

/// `GET /v1/bundles`.
pub(crate) async fn bundles(State(parts): State<Parts>) -> Result<Json<BundlesStatus>, Problem> {
    Ok(Json(parts.center()?.bundles()))
}

/// One inbox shard.
#[derive(Serialize)]
pub(crate) struct Shard {
    shard: u32,
    /// `opening`, `catching-up`, `serving` or `stopped`.
    phase: &'static str,
    /// The last sequence of its partition whose effects are all there.
    applied: u64,
    /// The last sequence of its partition.
    last: u64,
    /// Why it stopped, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
    /// What it waits for to pass, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<String>,
}

/// `GET /v1/shards`.
pub(crate) async fn shards(State(parts): State<Parts>) -> Result<Json<Items<Shard>>, Problem> {
    let positions = parts.positions().await.map_err(|error| of_inbox(&error))?;
    let shard = |at: inbox::Position| {
        let inbox::Position { shard, phase, applied, last, fault, trouble } = at;
        Shard { shard, phase: phase.as_str(), applied, last, fault, trouble }
    };
    Ok(Json(Items::all(positions.into_iter().map(shard).collect())))
}
