//! Names of this crate's metrics, and the handles one step keeps to them.

use metrics::{Counter, Gauge, Unit};
use model::TrapKind;

/// Calls that ended in a trap; labels `step`, `bundle` and `kind`.
pub const TRAPS: &str = "catena_traps_total";
/// Calls for several messages that failed, after which each had one of its own; labels `step` and `bundle`.
pub const REPEATED_CALLS: &str = "catena_repeated_calls_total";
/// Instances alive, ready or at work; labels `step` and `bundle`.
pub const INSTANCES_LIVE: &str = "catena_instances_live";
/// Bundles compiled because the code cache did not have them.
pub const COMPILATIONS: &str = "catena_compilations_total";

/// Describes them to the exporter. Call once, after the recorder is installed.
pub fn describe() {
    metrics::describe_counter!(TRAPS, Unit::Count, "Calls of a processor that ended in a trap, by kind");
    metrics::describe_counter!(
        REPEATED_CALLS,
        Unit::Count,
        "Calls for several messages that failed and were made again for each"
    );
    metrics::describe_gauge!(INSTANCES_LIVE, Unit::Count, "Instances of processors alive, ready or at work");
    metrics::describe_counter!(COMPILATIONS, Unit::Count, "Bundles compiled, not taken from the code cache");
}

/// The handles of one step, made once so that a call never looks one up.
pub(crate) struct Metrics {
    trap: Counter,
    deadline: Counter,
    memory: Counter,
    stack: Counter,
    pub(crate) repeated: Counter,
    pub(crate) live: Gauge,
}

impl Metrics {
    /// Handles labelled with `step` and `bundle` (as `name@version`).
    pub(crate) fn new(step: &str, bundle: &str) -> Self {
        let traps = |kind: TrapKind| metrics::counter!(TRAPS, "step" => step.to_owned(), "bundle" => bundle.to_owned(), "kind" => kind.as_str());
        Self {
            trap: traps(TrapKind::Trap),
            deadline: traps(TrapKind::Deadline),
            memory: traps(TrapKind::Memory),
            stack: traps(TrapKind::Stack),
            repeated: metrics::counter!(REPEATED_CALLS, "step" => step.to_owned(), "bundle" => bundle.to_owned()),
            live: metrics::gauge!(INSTANCES_LIVE, "step" => step.to_owned(), "bundle" => bundle.to_owned()),
        }
    }

    /// Counts one trap.
    pub(crate) fn trapped(&self, kind: TrapKind) {
        match kind {
            TrapKind::Trap => &self.trap,
            TrapKind::Deadline => &self.deadline,
            TrapKind::Memory => &self.memory,
            TrapKind::Stack => &self.stack,
        }
        .increment(1);
    }
}
