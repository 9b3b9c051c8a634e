//! File descriptors: every connection is one, and many systems give a process 1,024 unless it asks.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Kept for stores, watchers, logs and the management plane.
const RESERVED: u64 = 256;

/// Asks for as many descriptors as the process may have, and answers how many connections of
/// `connections_max` they allow.
pub(crate) fn connections(connections_max: usize) -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!(%error, "failed to raise the limit of open files");
        }
    }
    let Some(descriptors) = getrlimit(Resource::Nofile).current else { return connections_max };
    let room = usize::try_from(descriptors.saturating_sub(RESERVED)).unwrap_or(usize::MAX).max(16);
    if room < connections_max {
        tracing::warn!(
            connections_max,
            room,
            "fewer connections than configured: raise the limit of open files"
        );
    }
    room.min(connections_max)
}
