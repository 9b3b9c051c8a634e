//! Steps that hand the message on without a look at it: all that is measured is the way in and out. One message at a time and
//! in batches, beside bare calls of the same component and beside a core call with the message copied in. What the difference pays
//! for: the pool, budgets, the path, state and emissions, deadlines.

use std::time::{Duration, Instant};

use super::{
    BATCH, STEPS,
    bare::{self, Bare},
    floor::Floor,
    plans::{self, Batch, Guests},
};
use crate::{message, report::Row, turns::Turns};

/// Runs the benchmark.
pub(crate) fn run(time: Duration) -> anyhow::Result<Vec<Row>> {
    let engine = bare::engine()?;
    let mut floor = Floor::new(&engine, STEPS)?;
    let mut bare = Bare::new(&engine, &plans::file("pass-by-value")?.bytes, STEPS)?;
    let guests = Guests::new(&["pass", "pass-by-value"], 64)?;
    let (by_value, batches) = (guests.plan("pass-by-value", STEPS)?, guests.plan("pass", STEPS)?);
    let whole = guests.plan_with("pass", "body = true", STEPS)?;
    let mut batch = Batch::of(&message::of(message::BYTES), BATCH);

    let mut turns: [Turns; 6] = Default::default();
    let end = Instant::now() + time;
    while Instant::now() < end {
        let [copied, called, valued, alone, bodies, together] = &mut turns;
        copied.turn(BATCH * STEPS, || batch.messages().iter().try_for_each(|m| floor.run(m)))?;
        called.turn(BATCH * STEPS, || batch.messages().iter().try_for_each(|m| bare.run(m).map(drop)))?;
        valued.turn(BATCH * STEPS, || batch.one_by_one(&by_value))?;
        alone.turn(BATCH * STEPS, || batch.one_by_one(&batches))?;
        bodies.turn(BATCH * STEPS, || batch.together(&whole, BATCH))?;
        together.turn(BATCH * STEPS, || batch.together(&batches, BATCH))?;
    }
    let [copied, called, valued, alone, bodies, together] = turns.map(|turns| turns.micros());
    let row = |what: &str, micros| Row::new(what, micros, "µs");
    Ok(vec![
        row("a core call, the message copied in", copied),
        row("a bare component call, by value", called).beside("core call", copied),
        row("a step by value, in a chain", valued).beside("bare call", called),
        row("a step as the SDK makes it, one message at a time", alone).beside("by value", valued),
        row("64 messages at a time, the body read", bodies).beside("core call", copied),
        row("64 messages at a time, nothing of the body read", together)
            .beside("core call", copied)
            .note("at most 2.5 is aimed at"),
        row("by value, beside it", valued).beside("64 at a time", together).note("at least 5 is aimed at"),
    ])
}
