//! What a lane shows of itself.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use metrics::Gauge;
use model::Name;
use parking_lot::Mutex;

use crate::{LaneStatus, metric};

/// Written by a lane, read by whoever asks for its status. Outlives the lane's restarts.
pub(crate) struct LaneGauge {
    partition: u32,
    lag: AtomicU64,
    in_flight: AtomicU64,
    parked: AtomicU64,
    trouble: Mutex<Trouble>,
    exported: Gauge,
}

#[derive(Clone, Debug, Default)]
struct Trouble {
    halted: Option<String>,
    failing: Option<String>,
}

impl LaneGauge {
    pub(crate) fn new(chain: &Name, partition: u32) -> Self {
        let labels = [("chain", chain.to_string()), ("partition", partition.to_string())];
        Self {
            partition,
            lag: AtomicU64::default(),
            in_flight: AtomicU64::default(),
            parked: AtomicU64::default(),
            trouble: Mutex::default(),
            exported: metrics::gauge!(metric::LANE_LAG, &labels),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; lags lie far below 2^53")]
    pub(super) fn set_lag(&self, messages: u64) {
        self.lag.store(messages, Relaxed);
        self.exported.set(messages as f64);
    }

    pub(super) fn set_parked(&self, messages: usize) {
        self.parked.store(messages as u64, Relaxed);
    }

    pub(super) fn took(&self, messages: usize) {
        self.in_flight.fetch_add(messages as u64, Relaxed);
    }

    pub(super) fn settled(&self, messages: usize) {
        self.in_flight.fetch_sub(messages as u64, Relaxed);
    }

    /// The lane runs, and has nothing in hand.
    pub(super) fn begins(&self) {
        self.holds_nothing(Trouble::default());
    }

    pub(super) fn halted(&self, why: String) {
        self.holds_nothing(Trouble { halted: Some(why), failing: None });
    }

    pub(super) fn fails(&self, why: String) {
        self.holds_nothing(Trouble { halted: None, failing: Some(why) });
    }

    fn holds_nothing(&self, trouble: Trouble) {
        self.in_flight.store(0, Relaxed);
        self.parked.store(0, Relaxed);
        *self.trouble.lock() = trouble;
    }

    pub(crate) fn status(&self) -> LaneStatus {
        let Trouble { halted, failing } = self.trouble.lock().clone();
        LaneStatus {
            partition: self.partition,
            lag: self.lag.load(Relaxed),
            in_flight: self.in_flight.load(Relaxed),
            parked: self.parked.load(Relaxed),
            halted,
            failing,
        }
    }
}
