use axum::{
    Json,
    extract::{RawQuery, State},
};
use bus::Bounds;
use mpc::{
    DEAD_LETTERS,
    dead::{Kept, Listed, Replay},
};
use serve::{Problem, Query};

use crate::{
    Parts,
    listing::Items,
    param::Path,
    problem::{of_bus, of_center},
};

/// Letters read from the bus at a time.
const READ_MAX: usize = 16;
/// Bytes of messages on a page; the read that passes it is the last.
const PAGE_BYTES_MAX: usize = 4 << 20;

/// `GET /v1/dlq?from=&limit=`: oldest first; `GET /v1/dlq?order=newest&limit=`: the newest first.
pub(crate) async fn list(
    State(parts): State<Parts>,
    RawQuery(query): RawQuery,
) -> Result<Json<Items<Listed>>, Problem> {
    let query = Query::parse(query.as_deref(), &["from", "limit", "order"])?;
    match query.text("order") {
        None => {}
        Some("newest") if query.text("from").is_none() => {
            return Ok(Json(Items::all(newest(&parts, query.limit()?).await?)));
        }
        Some("newest") => return Err(Problem::parameter("from", "there is no `from` with `order=newest`")),
        Some(_) => return Err(Problem::parameter("order", "there is `newest` alone")),
    }
    let (mut from, limit) = (query.get("from")?.unwrap_or(1), query.limit()?);
    let (mut items, mut bytes) = (Vec::new(), 0);
    while items.len() < limit && bytes < PAGE_BYTES_MAX {
        let max = READ_MAX.min(limit - items.len());
        let letters =
            parts.center()?.dead_letters().list(from, max).await.map_err(|error| of_center(&error))?;
        let ended = letters.len() < max;
        for listed in letters {
            bytes += size_bytes(&listed);
            from = listed.number + 1;
            items.push(listed);
        }
        if ended {
            return Ok(Json(Items::all(items)));
        }
    }
    Ok(Json(Items { items, next: Some(from) }))
}

/// The newest first, looked for from the end: some may be purged and others not.
async fn newest(parts: &Parts, limit: usize) -> Result<Vec<Listed>, Problem> {
    let Bounds { first, last: mut to } =
        parts.bus.bounds(DEAD_LETTERS, 0).await.map_err(|error| of_bus(&error))?;
    let (mut items, mut bytes) = (Vec::new(), 0);
    while to >= first && to > 0 && items.len() < limit && bytes < PAGE_BYTES_MAX {
        let from = to.saturating_sub(READ_MAX as u64 - 1).max(1);
        let letters = parts.center()?.dead_letters().list(from, READ_MAX).await;
        let letters = letters.map_err(|error| of_center(&error))?;
        for listed in letters.into_iter().rev().filter(|listed| listed.number <= to) {
            bytes += size_bytes(&listed);
            items.push(listed);
        }
        to = from - 1;
    }
    items.truncate(limit);
    Ok(items)
}

fn size_bytes(listed: &Listed) -> usize {
    match &listed.letter {
        Kept::Whole(letter) => letter.message().map_or(0, |message| message.size_bytes()),
        Kept::Damaged { damaged } => damaged.len(),
    }
}

/// `GET /v1/dlq/{number}`.
pub(crate) async fn show(
    State(parts): State<Parts>,
    Path(number): Path<String>,
) -> Result<Json<Listed>, Problem> {
    let number = parsed(&number)?;
    Ok(Json(parts.center()?.dead_letters().show(number).await.map_err(|error| of_center(&error))?))
}

/// `POST /v1/dlq/{number}/replay`: sends the message through its chain again. Twice is once.
pub(crate) async fn replay(
    State(parts): State<Parts>,
    Path(number): Path<String>,
) -> Result<Json<Replay>, Problem> {
    let number = parsed(&number)?;
    let replay = parts.center()?.dead_letters().replay(number).await.map_err(|error| of_center(&error))?;
    tracing::info!(number, sequence = replay.replayed.sequence, replay.already, "a dead letter was replayed");
    Ok(Json(replay))
}

pub(crate) fn parsed(number: &str) -> Result<u64, Problem> {
    number
        .parse()
        .map_err(|_| Problem::parameter("number", format!("`{number}` is not a number from the list")))
}
