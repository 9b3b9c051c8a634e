//! The metrics this crate records.

/// Messages stored, duplicates not counted. Label: `stream`.
pub const PUBLISHED: &str = "catena_bus_published_messages_total";
/// Seconds from the first byte of a round to its being durable.
pub const COMMIT: &str = "catena_bus_commit_seconds";
/// Bytes accepted and not yet durable.
pub const QUEUE: &str = "catena_bus_queue_bytes";
/// Messages a group has not settled, over all partitions, once a second. Labels: `stream`, `group`.
pub const LAG: &str = "catena_bus_lag_messages";
