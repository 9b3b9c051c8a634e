//! Open-loop load on one thread: messages come when a schedule says, whether or not the one before was done, and latency
//! counts from the moment that was meant, so that a slow moment is felt by everyone who had to wait behind it (the
//! mistake this avoids is known as coordinated omission).
//!
//! Arrivals are a Poisson process, as independent senders make it, from a fixed seed. The thread that works also keeps the
//! schedule: whatever is due when it becomes free is its next batch, so nothing is measured but work and waiting.

use std::{
    hint::spin_loop,
    time::{Duration, Instant},
};

use anyhow::bail;
use hdrhistogram::Histogram;

use crate::turns::median;

/// A run is cut into windows, so that a figure can be the median of theirs: what else the machine does then spoils windows, not
/// the figure.
const WINDOW: Duration = Duration::from_millis(20);
/// A window that takes longer will never end.
const BEHIND_MAX: Duration = Duration::from_secs(10);
/// Longest latency told apart.
const NANOS_MAX: u64 = 10_000_000_000;

/// Latencies, in one histogram for each window.
pub(crate) struct Latencies(Vec<Histogram<u64>>);

impl Latencies {
    /// The median over the windows of a quantile, microseconds.
    pub(crate) fn micros(&self, quantile: f64) -> f64 {
        median(self.0.iter().map(|window| window.value_at_quantile(quantile) as f64 / 1e3).collect())
    }

    /// Of all messages there were.
    pub(crate) fn overall(&self) -> anyhow::Result<String> {
        let mut all = histogram()?;
        for window in &self.0 {
            all.add(window)?;
        }
        let micros = |quantile| all.value_at_quantile(quantile) as f64 / 1e3;
        Ok(format!(
            "median of {} windows; of all messages p50 {:.1} µs, p99 {:.1} µs, p99.9 {:.0} µs",
            self.0.len(),
            micros(0.5),
            micros(0.99),
            micros(0.999)
        ))
    }
}

/// Sends `rate` messages a second for `time` to `work`, which is told how many are due, at most `batch_max`.
///
/// # Errors
/// `work` fails, or does not keep up.
pub(crate) fn drive(
    rate: f64,
    time: Duration,
    batch_max: usize,
    mut work: impl FnMut(usize) -> anyhow::Result<()>,
) -> anyhow::Result<Latencies> {
    let mut windows = Vec::new();
    let mut arrivals = Arrivals::new(rate);
    let began = Instant::now();
    while windows.is_empty() || began.elapsed() < time {
        windows.push(window(&mut arrivals, WINDOW, batch_max, &mut work)?);
    }
    Ok(Latencies(windows))
}

/// One window, to the last message that it sent.
fn window(
    arrivals: &mut Arrivals,
    time: Duration,
    batch_max: usize,
    work: &mut impl FnMut(usize) -> anyhow::Result<()>,
) -> anyhow::Result<Histogram<u64>> {
    let (mut latencies, mut due) = (histogram()?, Vec::with_capacity(batch_max));
    let began = Instant::now();
    arrivals.begin();
    loop {
        let now = began.elapsed();
        while due.len() < batch_max
            && let Some(at) = arrivals.before(now.min(time))
        {
            due.push(at);
        }
        if due.is_empty() {
            if now >= time {
                return Ok(latencies);
            }
            spin_loop();
            continue;
        }
        work(due.len())?;
        let done = began.elapsed();
        if done > BEHIND_MAX {
            bail!("the work does not keep up with its schedule: send less");
        }
        for at in due.drain(..) {
            latencies.saturating_record(u64::try_from((done - at).as_nanos())?);
        }
    }
}

/// When messages come, from the beginning of a window.
pub(crate) struct Arrivals {
    rate: f64,
    state: u64,
    next: Duration,
}

impl Arrivals {
    /// So many a second on average.
    pub(crate) fn new(rate: f64) -> Self {
        Self { rate, state: 0x9e37_79b9_7f4a_7c15, next: Duration::ZERO }
    }

    /// Time starts anew.
    fn begin(&mut self) {
        self.next = Duration::ZERO;
        self.advance();
    }

    /// The next arrival, if it is due by `now`.
    pub(crate) fn before(&mut self, now: Duration) -> Option<Duration> {
        let next = self.next;
        (next <= now).then(|| {
            self.advance();
            next
        })
    }

    /// An exponential gap: the state moves as in SplitMix64.
    fn advance(&mut self) {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        // In (0, 1], so that its logarithm is finite.
        let uniform = ((z ^ (z >> 31)) >> 11).saturating_add(1) as f64 / (1_u64 << 53) as f64;
        self.next += Duration::from_secs_f64(-uniform.ln() / self.rate);
    }
}

fn histogram() -> anyhow::Result<Histogram<u64>> {
    Ok(Histogram::new_with_max(NANOS_MAX, 3)?)
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;

    use super::*;

    #[test]
    fn arrivals_come_at_their_rate() {
        let mut arrivals = Arrivals::new(1_000.0);
        let count = std::iter::from_fn(|| arrivals.before(Duration::from_secs(100))).count();
        assert!((98_000..102_000).contains(&count), "{count} in 100 s");
    }

    #[test]
    fn who_waits_behind_a_slow_one_is_counted_with_the_wait() {
        let pause = Duration::from_millis(20);
        let mut first = true;
        let mut arrivals = Arrivals::new(10_000.0);
        let window = window(&mut arrivals, pause, 1_000, &mut |_| {
            if std::mem::take(&mut first) {
                sleep(pause);
            }
            Ok(())
        });
        let window = window.unwrap();
        // Everyone but the very last came while the first was worked on.
        assert!(window.len() > 100 && window.mean() > 5e6, "{} messages, {} ns", window.len(), window.mean());
    }
}
