use axum::{
    Json,
    extract::{RawQuery, State},
};
use bus::{Bounds, Stored, StreamSpec};
use model::Name;
use mpc::dead::JsonMessage;
use serde::Serialize;
use serve::{Problem, Query};

use crate::{Parts, listing::Items, param::Path, problem::of_bus};

/// Messages read from the bus at a time.
const READ_MAX: usize = 32;
/// Bytes on a page; the message that passes it is the last.
const PAGE_BYTES_MAX: usize = 4 << 20;
const LIMIT_MAX: usize = 1000;

/// One stream and what it holds.
#[derive(Serialize)]
pub(crate) struct Stream {
    name: Name,
    partitions: Vec<Partition>,
}

#[derive(Serialize)]
struct Partition {
    /// The oldest sequence kept.
    first: u64,
    /// The newest; below `first` when there is none.
    last: u64,
}

/// `GET /v1/streams`.
pub(crate) async fn list(State(parts): State<Parts>) -> Result<Json<Items<Stream>>, Problem> {
    let mut streams = Vec::new();
    for StreamSpec { name, partitions: count, .. } in
        parts.bus.streams().await.map_err(|error| of_bus(&error))?
    {
        let mut partitions = Vec::new();
        for partition in 0..count {
            let Bounds { first, last } =
                parts.bus.bounds(&name, partition).await.map_err(|error| of_bus(&error))?;
            partitions.push(Partition { first, last });
        }
        streams.push(Stream { name, partitions });
    }
    streams.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Json(Items::all(streams)))
}

/// One stored message.
#[derive(Serialize)]
pub(crate) struct Entry {
    sequence: u64,
    accepted_at_ms: u64,
    message: JsonMessage,
}

/// `GET /v1/streams/{stream}/{partition}/messages?from=&limit=`: oldest first, without consuming them. `next` is where to
/// go on, now or when there is more.
pub(crate) async fn messages(
    State(parts): State<Parts>,
    Path((stream, partition)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Json<Items<Entry>>, Problem> {
    let partition = partition.parse().map_err(|_| {
        Problem::parameter("partition", format!("`{partition}` is not the number of a partition"))
    })?;
    let query = Query::parse(query.as_deref(), &["from", "limit"])?;
    let mut from: u64 = query.get("from")?.unwrap_or(1);
    let limit = query.limit_of(LIMIT_MAX)?;
    let (mut items, mut bytes) = (Vec::new(), 0);
    while items.len() < limit && bytes < PAGE_BYTES_MAX {
        let max = READ_MAX.min(limit - items.len());
        let read = parts.bus.read(&stream, partition, from, max).await.map_err(|error| of_bus(&error))?;
        let Some(last) = read.last() else { break };
        from = last.sequence + 1;
        bytes += read.iter().map(|stored| stored.message.size_bytes()).sum::<usize>();
        items.extend(read.into_iter().map(|Stored { sequence, accepted_at_ms, message }| Entry {
            sequence,
            accepted_at_ms,
            message: (&message).into(),
        }));
    }
    Ok(Json(Items { items, next: Some(from) }))
}
