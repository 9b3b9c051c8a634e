use std::time::Duration;

pub(crate) use model::now_ms;

/// Milliseconds with three decimals, for receipts.
pub(crate) fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
