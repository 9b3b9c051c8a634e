use metrics::{Counter, Gauge};

use crate::metric;

/// What a place reports. All of it is there from the start: what never happened is a zero, not a gap.
pub(super) struct Meters {
    pub(super) redelivered: Counter,
    pub(super) rebuilt: Counter,
    pub(super) holes: Counter,
    /// Of the group, over all its places in this process: each adds its own.
    lag: Gauge,
    own_lag: u64,
}

impl Meters {
    pub(super) fn new(stream: &str, group: &str) -> Self {
        let labels = [("stream", stream.to_owned()), ("group", group.to_owned())];
        for change in ["given back", "lost"] {
            let [stream, group] = labels.clone();
            metrics::counter!(metric::LEASES, &[stream, group, ("change", change.to_owned())]).increment(0);
        }
        Self {
            redelivered: metrics::counter!(metric::REDELIVERED, &labels),
            rebuilt: metrics::counter!(metric::REBUILT, &labels),
            holes: metrics::counter!(metric::HOLES, &labels),
            lag: metrics::gauge!(metric::LAG, &labels),
            own_lag: 0,
        }
    }

    /// So many are not settled here.
    pub(super) fn set_lag(&mut self, unsettled: u64) {
        self.lag.increment(unsettled as f64 - self.own_lag as f64);
        self.own_lag = unsettled;
    }
}

/// A place that is gone leaves nothing behind: what is unsettled there is somebody else's to report.
impl Drop for Meters {
    fn drop(&mut self) {
        self.set_lag(0);
    }
}
