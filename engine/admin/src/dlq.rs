use axum::{
    Json,
    extract::{Path, RawQuery, State},
};
use mpc::{DeadLetter, dead};
use serde::Serialize;
use serve::{Problem, Query};

use crate::{Parts, listing::Items, problem::of_center};

/// A dead letter and its place among them.
#[derive(Serialize)]
pub(crate) struct Numbered {
    number: u64,
    #[serde(flatten)]
    letter: DeadLetter,
}

/// Where a replayed message is now, in the partition it came from.
#[derive(Serialize)]
pub(crate) struct Replayed {
    sequence: u64,
}

/// `GET /v1/dlq?from=&limit=`: oldest first.
pub(crate) async fn list(
    State(parts): State<Parts>,
    RawQuery(query): RawQuery,
) -> Result<Json<Items<Numbered>>, Problem> {
    let query = Query::parse(query.as_deref(), &["from", "limit"])?;
    let (from, limit) = (query.get("from")?.unwrap_or(1), query.limit()?);
    let letters = dead::list(&*parts.bus, from, limit).await.map_err(|error| of_center(&error))?;
    let next = letters.last().map(|(number, _)| number + 1).filter(|_| letters.len() == limit);
    let items = letters.into_iter().map(|(number, letter)| Numbered { number, letter }).collect();
    Ok(Json(Items { items, next }))
}

/// `GET /v1/dlq/{number}`.
pub(crate) async fn show(
    State(parts): State<Parts>,
    Path(number): Path<String>,
) -> Result<Json<Numbered>, Problem> {
    let number = parsed(&number)?;
    let letter = dead::show(&*parts.bus, number).await.map_err(|error| of_center(&error))?;
    Ok(Json(Numbered { number, letter }))
}

/// `POST /v1/dlq/{number}/replay`: sends the message through its chain again. Twice is once.
pub(crate) async fn replay(
    State(parts): State<Parts>,
    Path(number): Path<String>,
) -> Result<Json<Replayed>, Problem> {
    let number = parsed(&number)?;
    let sequence = dead::replay(&*parts.bus, number).await.map_err(|error| of_center(&error))?;
    tracing::info!(number, sequence, "a dead letter was replayed");
    Ok(Json(Replayed { sequence }))
}

fn parsed(number: &str) -> Result<u64, Problem> {
    number
        .parse()
        .map_err(|_| Problem::parameter("number", format!("`{number}` is not a number from the list")))
}
