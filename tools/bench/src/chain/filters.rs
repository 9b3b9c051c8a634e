//! Five filters that each read two fields of a post: by value, as the SDK makes them, and as native functions over a post that
//! was parsed once, which is what an engine without a sandbox could do.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    BATCH, STEPS,
    bare::{self, Bare},
    plans::{self, Batch, Guests},
};
use crate::{message, report::Row, turns::Turns};

/// The contenders, ready to take turns.
pub(crate) struct Contest {
    bare: Bare,
    by_value: chain::Plan,
    parses: chain::Plan,
    batches: chain::Plan,
    batch: Batch,
    native: Turns,
    called: Turns,
    valued: Turns,
    parsed: Turns,
    alone: Turns,
    together: Turns,
}

impl Contest {
    /// Loads the guests.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let guests = Guests::new(&["fields", "fields-by-value"], 64)?;
        Ok(Self {
            bare: Bare::new(&bare::engine()?, &plans::file("fields-by-value")?.bytes, STEPS)?,
            by_value: guests.plan("fields-by-value", STEPS)?,
            parses: guests.plan_with("fields", "whole = true", STEPS)?,
            batches: guests.plan("fields", STEPS)?,
            batch: Batch::of(&message::of(message::BYTES), BATCH),
            native: Turns::default(),
            called: Turns::default(),
            valued: Turns::default(),
            parsed: Turns::default(),
            alone: Turns::default(),
            together: Turns::default(),
        })
    }

    /// Takes turns for `time`.
    pub(crate) fn run(&mut self, time: Duration) -> anyhow::Result<()> {
        let Self { bare, by_value, parses, batches, batch, native, called, valued, parsed, alone, together } =
            self;
        let end = Instant::now() + time;
        while Instant::now() < end {
            native.turn(BATCH, || batch.messages().iter().try_for_each(natively))?;
            called.turn(BATCH, || batch.messages().iter().try_for_each(|m| bare.run(m).map(drop)))?;
            valued.turn(BATCH, || batch.one_by_one(by_value))?;
            parsed.turn(BATCH, || batch.together(parses, BATCH))?;
            alone.turn(BATCH, || batch.one_by_one(batches))?;
            together.turn(BATCH, || batch.together(batches, BATCH))?;
        }
        Ok(())
    }

    /// Microseconds a message: natively, through bare components by value, and as a chain in batches.
    pub(crate) fn micros(&self) -> (f64, f64, f64) {
        (self.native.micros(), self.called.micros(), self.together.micros())
    }
}

/// Runs the benchmark.
pub(crate) fn run(time: Duration) -> anyhow::Result<Vec<Row>> {
    let mut contest = Contest::new()?;
    contest.run(time)?;
    let (native, called, together) = contest.micros();
    let row = |what: &str, micros| Row::new(what, micros, "µs");
    Ok(vec![
        row("native functions over one `serde_json` value", native),
        row("five bare component calls, by value, each parses", called).beside("native", native),
        row("a chain of five by value", contest.valued.micros()).beside("bare calls", called),
        row("a chain of five as the SDK makes it, one message at a time", contest.alone.micros())
            .beside("native", native),
        row("the same, 64 messages at a time", together)
            .beside("native", native)
            .note("at most 1.67 is aimed at"),
        row("64 at a time, where each step parses the whole body", contest.parsed.micros())
            .beside("declared reads", together)
            .note("at least 3 is aimed at"),
    ])
}

/// One message through five functions.
pub(crate) fn natively(message: &model::Message) -> anyhow::Result<()> {
    let post: Value = serde_json::from_slice(&message.body)?;
    for _ in 0..STEPS {
        anyhow::ensure!(passes(black_box(&post)), "a filter stopped the message");
    }
    Ok(())
}

fn passes(post: &Value) -> bool {
    let text = |field: &str| post.get(field).and_then(Value::as_str);
    text("actor").is_some_and(|actor| !actor.is_empty()) && text("lang") != Some("xx")
}
