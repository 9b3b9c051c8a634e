//! What was done about dead letters, kept in the node's store: one row under a letter's number once it was replayed or
//! purged, and one that says below which number all of them are purged. The letters themselves lie in the bus, which can only
//! let go of the oldest.

use std::{collections::BTreeMap, ops::ControlFlow};

use serde::{Deserialize, Serialize};
use store::{Batch, Snapshot, Store, Table};

use crate::{Error, Result};

const TABLE: Table = "dead-letters";
/// Behind every number: those have eight bytes.
const BELOW_KEY: &[u8] = &[u8::MAX; 9];

/// What was done about one letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mark {
    /// Its message was sent again.
    Replayed(Replayed),
    /// Nobody wants it any more.
    Purged,
}

/// Where the message of a replayed letter went, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replayed {
    /// Its new sequence, in the partition it came from.
    pub sequence: u64,
    /// When, milliseconds since 1970.
    pub at_ms: u64,
}

impl Mark {
    pub(super) fn replayed(self) -> Option<Replayed> {
        match self {
            Self::Replayed(replayed) => Some(replayed),
            Self::Purged => None,
        }
    }
}

/// The mark of one letter. A letter below [`below`] has none, and is purged.
pub(super) fn mark(snapshot: &dyn Snapshot, number: u64) -> Result<Option<Mark>> {
    snapshot.get(TABLE, &number.to_be_bytes())?.map(|row| decode(&row)).transpose()
}

/// The marks of letters `from` to `to`, both included.
pub(super) fn marks(snapshot: &dyn Snapshot, from: u64, to: u64) -> Result<BTreeMap<u64, Mark>> {
    let mut rows = BTreeMap::new();
    snapshot.scan(TABLE, &from.to_be_bytes(), BELOW_KEY, &mut |key, row| {
        let number = key.try_into().map(u64::from_be_bytes).unwrap_or(u64::MAX);
        if number > to {
            return ControlFlow::Break(());
        }
        rows.insert(number, row.to_vec());
        ControlFlow::Continue(())
    })?;
    rows.into_iter().map(|(number, row)| Ok((number, decode(&row)?))).collect()
}

/// All letters with lower numbers are purged.
pub(super) fn below(snapshot: &dyn Snapshot) -> Result<u64> {
    let row = snapshot.get(TABLE, BELOW_KEY)?;
    row.map_or(Ok(0), |row| (&*row).try_into().map(u64::from_be_bytes).map_err(|_| malformed(&"its length")))
}

pub(super) fn put(batch: &mut Batch, number: u64, mark: Mark) -> Result<()> {
    let row = serde_json::to_vec(&mark).map_err(|error| malformed(&error))?;
    batch.put(TABLE, &number.to_be_bytes(), &row);
    Ok(())
}

/// Purges all letters below `below`; `marked` are those of them that have a row.
pub(super) fn put_below(batch: &mut Batch, below: u64, marked: impl Iterator<Item = u64>) {
    batch.put(TABLE, BELOW_KEY, &below.to_be_bytes());
    marked.for_each(|number| batch.delete(TABLE, &number.to_be_bytes()));
}

/// Forgets all marks when some of them are about letters behind `last`, the stream's end; answers what is purged.
pub(super) fn belonging_to(store: &dyn Store, last: u64) -> Result<u64> {
    let mut batch = Batch::new();
    let below = {
        let snapshot = store.snapshot()?;
        let (below, ahead) = (below(&*snapshot)?, marks(&*snapshot, last.saturating_add(1), u64::MAX)?);
        if below <= last.saturating_add(1) && ahead.is_empty() {
            return Ok(below);
        }
        marks(&*snapshot, 0, u64::MAX)?
            .into_keys()
            .for_each(|number| batch.delete(TABLE, &number.to_be_bytes()));
        below
    };
    tracing::warn!(below, last, "what was done about dead letters is of another stream, and forgotten");
    batch.delete(TABLE, BELOW_KEY);
    store.write(&batch)?;
    Ok(0)
}

fn decode(row: &[u8]) -> Result<Mark> {
    serde_json::from_slice(row).map_err(|error| malformed(&error))
}

fn malformed(reason: &dyn std::fmt::Display) -> Error {
    Error::Malformed { what: "what was done about a dead letter", reason: reason.to_string() }
}
