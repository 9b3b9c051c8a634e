//! The metrics this crate records, beside those of [`bus::metric`] under the same names.

pub use bus::metric::{COMMIT, LAG, PUBLISHED, QUEUE};

/// Deliveries that were not the first of their message. Labels: `stream`, `group`.
pub const REDELIVERED: &str = "catena_bus_redelivered_messages_total";
/// Leases taken, given back and lost. Labels: `stream`, `group`, `change`.
pub const LEASES: &str = "catena_bus_lease_changes_total";
/// Pulls begun anew because nothing came although something should have. Labels: `stream`, `group`.
pub const REBUILT: &str = "catena_bus_rebuilt_lanes_total";
/// Sequences that a group was never given although the server counts them as settled. Labels: `stream`, `group`.
pub const HOLES: &str = "catena_bus_hole_messages_total";
/// Publishes whose outcome was not known at first. Label: `stream`.
pub const UNKNOWN: &str = "catena_bus_unknown_publishes_total";
/// Whether a server is there: 1 or 0.
pub const CONNECTED: &str = "catena_bus_connected";
