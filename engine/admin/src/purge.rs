//! Letting go of dead letters that people are done with.

use axum::{
    Json,
    extract::{RawQuery, State},
};
use mpc::dead::{Purge, Purged};
use serde::Serialize;
use serve::{Problem, Query};

use crate::{Parts, dlq::parsed, param::Path, problem::of_center};

/// What a purge did.
#[derive(Serialize)]
pub(crate) struct Gone {
    /// Letters that were there before.
    purged: u64,
    /// Of these, those that were never replayed.
    unreplayed: u64,
}

/// `DELETE /v1/dlq/{number}`: one letter, for good.
pub(crate) async fn one(
    State(parts): State<Parts>,
    Path(number): Path<String>,
) -> Result<Json<Gone>, Problem> {
    let number = parsed(&number)?;
    let gone = purge(&parts, Purge::Numbers(vec![number])).await?;
    if gone.purged == 0 {
        return Err(Problem::not_found(format!("there is no dead letter {number}")));
    }
    Ok(Json(gone))
}

/// `DELETE /v1/dlq?up_to=`: every letter up to and including a number, for good.
pub(crate) async fn many(
    State(parts): State<Parts>,
    RawQuery(query): RawQuery,
) -> Result<Json<Gone>, Problem> {
    let up_to = Query::parse(query.as_deref(), &["up_to"])?.get("up_to")?;
    // Never by leaving something out.
    let up_to = up_to.ok_or_else(|| Problem::parameter("up_to", "say up to which number they are to go"))?;
    purge(&parts, Purge::UpTo(up_to)).await.map(Json)
}

async fn purge(parts: &Parts, which: Purge) -> Result<Gone, Problem> {
    let purged = parts.center()?.dead_letters().purge(which.clone()).await;
    let Purged { letters, unreplayed } = purged.map_err(|error| of_center(&error))?;
    tracing::info!(?which, letters, unreplayed, "dead letters were purged");
    Ok(Gone { purged: letters, unreplayed })
}
