//! What the store remembers, read once at the start.

use std::{ops::ControlFlow, sync::Arc};

use parking_lot::RwLock;
use store::{Snapshot, Table};

use super::{
    Shared,
    keys::{ID_ORDER, LOG, POSITIONS, Place, STREAMS, take_u32, take_u64},
};
use crate::{Bounds, Error, Result, StreamSpec};

pub(super) fn encode_stream(number: u32, spec: &StreamSpec) -> Result<Vec<u8>> {
    let mut value = number.to_be_bytes().to_vec();
    serde_json::to_writer(&mut value, spec).map_err(|error| damaged(spec.name.as_bytes(), &error))?;
    Ok(value)
}

/// Fills in streams and positions; answers the newest time an id was remembered at, in milliseconds.
pub(super) fn load(shared: &Shared) -> Result<u64> {
    let snapshot = shared.store.snapshot().map_err(|error| Error::from_store(&error))?;
    let snapshot = &*snapshot;
    let mut newest_ms = 0;
    for (name, value) in rows(snapshot, STREAMS, &[])? {
        let mut value = &value[..];
        let number = take_u32(&mut value).ok_or_else(|| damaged(&name, &"cut short"))?;
        let spec: StreamSpec = serde_json::from_slice(value).map_err(|error| damaged(&name, &error))?;
        let (name, spec) = (spec.name.clone(), Arc::new(RwLock::new(spec)));
        let stream = shared.stream(number, &spec, |place| bounds(snapshot, place))?;
        for partition in &stream.partitions {
            let newest = ends(snapshot, ID_ORDER, partition.place, true)?;
            let at = newest.and_then(|(_, value)| take_u64(&mut value.get(16..)?));
            newest_ms = newest_ms.max(at.unwrap_or(0));
            let prefix = partition.place.prefix();
            for (key, position) in rows(snapshot, POSITIONS, &prefix)? {
                let group = String::from_utf8_lossy(key.get(prefix.len()..).unwrap_or_default());
                partition.restore(&group, &position)?;
            }
        }
        shared.streams.write().insert(name, stream);
    }
    Ok(newest_ms)
}

fn bounds(snapshot: &dyn Snapshot, place: Place) -> Result<Bounds> {
    let oldest = ends(snapshot, LOG, place, false)?.map(|(sequence, _)| sequence);
    let newest = ends(snapshot, LOG, place, true)?.map(|(sequence, _)| sequence);
    Ok(Bounds { first: oldest.unwrap_or(1), last: newest.unwrap_or(0) })
}

/// The entry at one end of a partition's part of a table.
fn ends(snapshot: &dyn Snapshot, table: Table, place: Place, newest: bool) -> Result<Option<(u64, Vec<u8>)>> {
    let mut found = None;
    let mut visit = |key: &[u8], value: &[u8]| {
        let sequence = key.get(8..).and_then(|mut sequence| take_u64(&mut sequence));
        found = sequence.map(|sequence| (sequence, value.to_vec()));
        ControlFlow::Break(())
    };
    let (from, to) = (place.at(0), place.at(u64::MAX));
    let scanned = if newest {
        snapshot.scan_back(table, &from, &to, &mut visit)
    } else {
        snapshot.scan(table, &from, &to, &mut visit)
    };
    scanned.map_err(|error| Error::from_store(&error))?;
    Ok(found)
}

/// Everything in a table under a prefix.
fn rows(snapshot: &dyn Snapshot, table: Table, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut rows = Vec::new();
    let scanned = snapshot.scan(table, prefix, &[], &mut |key, value| {
        if !key.starts_with(prefix) {
            return ControlFlow::Break(());
        }
        rows.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    });
    scanned.map_err(|error| Error::from_store(&error))?;
    Ok(rows)
}

fn damaged(name: &[u8], error: &dyn std::fmt::Display) -> Error {
    let name = String::from_utf8_lossy(name);
    Error::Unavailable { reason: format!("the stored description of stream `{name}` is damaged: {error}") }
}
