//! The names of what the forwarder measures.

use metrics::counter;

/// What was accepted, durably; the label `what` is `post`, `follow`, `unfollow` or `retract`.
pub const ACCEPTED: &str = "catena_feed_accepted_total";
/// Posts whose idempotency key had been seen: accepted again, and without effect.
pub const REPEATED: &str = "catena_feed_repeated_total";

pub(crate) fn accepted(what: &'static str) {
    counter!(ACCEPTED, "what" => what).increment(1);
}

pub(crate) fn repeated() {
    counter!(REPEATED).increment(1);
}
