use axum::{
    Json,
    extract::{RawQuery, State},
};
use mpc::{DeadLetter, dead};
use serde::Serialize;
use serve::{Problem, Query};

use crate::{Parts, listing::Items, param::Path, problem::of_center};

/// Letters read from the bus at a time.
const READ_MAX: usize = 16;
/// Bytes of messages on a page; the read that passes it is the last.
const PAGE_BYTES_MAX: usize = 4 << 20;

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
    let (mut from, limit) = (query.get("from")?.unwrap_or(1), query.limit()?);
    let (mut items, mut bytes) = (Vec::new(), 0);
    while items.len() < limit && bytes < PAGE_BYTES_MAX {
        let max = READ_MAX.min(limit - items.len());
        let letters = dead::list(&*parts.bus, from, max).await.map_err(|error| of_center(&error))?;
        let ended = letters.len() < max;
        for (number, letter) in letters {
            bytes += letter.message().map_or(0, |message| message.size_bytes());
            items.push(Numbered { number, letter });
            from = number + 1;
        }
        if ended {
            return Ok(Json(Items::all(items)));
        }
    }
    Ok(Json(Items { items, next: Some(from) }))
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
