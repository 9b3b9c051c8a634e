//! Many short turns instead of one long run: contenders take turns, so that whatever else the machine does falls on all of them
//! alike, and the median of their turns is not moved by the disturbed ones.

use std::time::Instant;

/// Microseconds a message, turn by turn.
#[derive(Debug, Default)]
pub(crate) struct Turns(Vec<f64>);

impl Turns {
    /// Times `work`, which handles so many messages.
    pub(crate) fn turn(
        &mut self,
        messages: usize,
        work: impl FnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let began = Instant::now();
        work()?;
        self.0.push(began.elapsed().as_secs_f64() * 1e6 / messages as f64);
        Ok(())
    }

    /// Microseconds a message; NaN where there was no turn.
    pub(crate) fn micros(&self) -> f64 {
        median(self.0.clone())
    }
}

/// The middle of `values`; NaN where there are none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
