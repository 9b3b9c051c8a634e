//! How long a message waits for its chain: one that comes alone, and many that come as they please, at half the rate that the
//! chain can take.

use std::time::{Duration, Instant};

use super::{
    BATCH, STEPS,
    plans::{Batch, Guests},
};
use crate::{message, open, report::Row, turns::Turns};

/// Messages of one batch at most, as a lane takes them.
const BATCH_MAX: usize = 1_000;
/// Idle: messages a second.
const SELDOM: f64 = 1_000.0;
/// Of what the chain can take.
const LOAD: f64 = 0.5;
/// Microseconds that a message may wait: alone (the median), and at half load (99 of 100).
const ALONE_MAX: f64 = 15.0;
const LOADED_MAX: f64 = 50.0;

/// Runs the benchmark.
pub(crate) fn run(time: Duration) -> anyhow::Result<Vec<Row>> {
    let guests = Guests::new(&["pass", "fields"], 64)?;
    let mut batch = Batch::of(&message::of(message::BYTES), BATCH_MAX);
    let mut rows = Vec::new();
    for (what, guest) in [("hand it on", "pass"), ("read two fields", "fields")] {
        let plan = guests.plan(guest, STEPS)?;
        let rate = LOAD * capacity(&plan, &mut batch, time)?;
        let nothing = open::drive(rate, time, BATCH_MAX, |_| Ok(()))?;
        rows.push(
            Row::new(format!("no chain, {rate:.0} messages/s: p99"), nothing.micros(0.99), "µs")
                .note(nothing.overall()?),
        );
        let alone = open::drive(SELDOM, time, 1, |_| batch.together(&plan, 1))?;
        rows.push(
            Row::new(format!("five steps that {what}, one message: p50"), alone.micros(0.5), "µs")
                .beside("target", ALONE_MAX)
                .note(alone.overall()?),
        );
        let loaded = open::drive(rate, time, BATCH_MAX, |due| batch.together(&plan, due))?;
        rows.push(
            Row::new(format!("the same, {rate:.0} messages/s: p99"), loaded.micros(0.99), "µs")
                .beside("target", LOADED_MAX)
                .note(loaded.overall()?),
        );
    }
    Ok(rows)
}

/// Messages a second that the plan takes in batches.
fn capacity(plan: &chain::Plan, batch: &mut Batch, time: Duration) -> anyhow::Result<f64> {
    let (mut turns, end) = (Turns::default(), Instant::now() + time / 4);
    while Instant::now() < end {
        turns.turn(BATCH, || batch.together(plan, BATCH))?;
    }
    Ok(1e6 / turns.micros())
}
