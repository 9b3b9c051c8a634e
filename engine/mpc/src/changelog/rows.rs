//! The rows of one partition, a few at a time.

use std::ops::ControlFlow;

use store::{Batch, Store};

use super::KEPT;
use crate::Result;

/// Bytes of keys and values taken at once, about.
const BYTES_MAX: usize = 4 << 20;

/// Where to go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cursor {
    table: usize,
    /// The first key that was not taken; empty for the beginning of the table.
    from: Vec<u8>,
}

/// Some rows whose keys begin with `prefix`, as puts, and where those behind them begin.
pub(super) fn some(store: &dyn Store, prefix: &[u8], cursor: Cursor) -> Result<(Batch, Option<Cursor>)> {
    let snapshot = store.snapshot()?;
    let (mut batch, mut bytes) = (Batch::new(), 0);
    let mut from = if cursor.from.is_empty() { prefix.to_vec() } else { cursor.from };
    for (at, table) in KEPT.into_iter().enumerate().skip(cursor.table) {
        let mut rest = None;
        snapshot.scan(table, &from, &[], &mut |key, value| {
            if !key.starts_with(prefix) {
                return ControlFlow::Break(());
            }
            if bytes >= BYTES_MAX {
                rest = Some(Cursor { table: at, from: key.to_vec() });
                return ControlFlow::Break(());
            }
            bytes += key.len() + value.len();
            batch.put(table, key, value);
            ControlFlow::Continue(())
        })?;
        if rest.is_some() {
            return Ok((batch, rest));
        }
        from = prefix.to_vec();
    }
    Ok((batch, None))
}
