//! A chain of five steps that hand the message on, on one core: one message at a time and in batches, beside bare calls
//! of the same component and beside a core call with the message copied in. What the difference pays for: the
//! pool, budgets, the path, state and emissions, deadlines.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow};
use bundle::{File, Library, Options, Runtime};
use chain::{Finished, Format, Source, Stopped};
use model::{Call, Message, NoState, Scope};

use crate::{
    bare::{self, Bare},
    floor::Floor,
    report::Row,
};

const STEPS: usize = 5;
/// Batches between two looks at the clock.
const TURN: u32 = 4;

/// Messages of one batch.
const BATCH: usize = 64;

/// Runs the benchmark.
pub(crate) fn run(time: Duration) -> anyhow::Result<Vec<Row>> {
    let engine = bare::engine()?;
    let mut floor = Floor::new(&engine, STEPS)?;
    let by_value = guest("pass-by-value")?;
    let mut bare = Bare::new(&engine, &by_value.bytes, STEPS)?;
    let (by_value, batches) = (plan("pass-by-value", by_value)?, plan("pass", guest("pass")?)?);
    let messages = vec![message(); BATCH];
    let mut calls: Vec<Call> =
        messages.iter().map(|_| Call::new(0, 1, Scope::new(Arc::new(NoState)))).collect();

    // By turns, so that whatever else the machine does falls on all alike.
    let mut rates: [Rates; 5] = Default::default();
    let end = Instant::now() + time;
    while Instant::now() < end {
        let [copied, called, valued, alone, together] = &mut rates;
        copied.turn(TURN, || messages.iter().try_for_each(|message| floor.run(message)))?;
        called.turn(TURN, || messages.iter().try_for_each(|message| bare.run(message).map(drop)))?;
        for (rates, plan) in [(valued, &by_value), (alone, &batches)] {
            rates.turn(TURN, || {
                messages
                    .iter()
                    .zip(&mut calls)
                    .try_for_each(|(message, call)| went(plan.execute(message, call, &mut ())))
            })?;
        }
        together.turn(TURN, || {
            batches.execute_batch(messages.iter().zip(&mut calls), &mut ()).into_iter().try_for_each(went)
        })?;
    }
    let [copied, called, valued, alone, together] = rates.map(|rates| rates.median());
    Ok(vec![
        row("five core calls, the message copied in", copied),
        row("five bare component calls, by value", called).beside("core calls", copied),
        row("the same five as a chain", valued).beside("bare calls", called),
        row("a chain of five in the batch world, one message at a time", alone).beside("by value", valued),
        row(&format!("the same, {BATCH} messages at a time"), together).beside("core calls", copied),
        row("   beside the world by value", together).beside("by value", valued),
    ])
}

fn row(what: &str, rate: f64) -> Row {
    Row::new(what, rate, "messages/s")
        .note(format!("{:.3} µs a message and step, 1 KB, one core", 1e6 / rate / STEPS as f64))
}

fn went(result: Result<Finished, Stopped>) -> anyhow::Result<()> {
    result.map(drop).map_err(|stopped| anyhow!("the chain stopped: {}", stopped.fault))
}

/// Rates of many short turns.
#[derive(Default)]
struct Rates(Vec<f64>);

impl Rates {
    /// Times so many batches of [`BATCH`] messages.
    fn turn(&mut self, batches: u32, mut batch: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<()> {
        let began = Instant::now();
        for _ in 0..batches {
            batch()?;
        }
        self.0.push(f64::from(batches) * BATCH as f64 / began.elapsed().as_secs_f64());
        Ok(())
    }

    /// A disturbed turn does not move it.
    fn median(&self) -> f64 {
        let mut rates = self.0.clone();
        rates.sort_by(f64::total_cmp);
        rates.get(rates.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

fn guest(name: &str) -> anyhow::Result<File> {
    let path = testkit::bundles::guests()?.join(format!("{name}.wasm"));
    let bytes = std::fs::read(&path).with_context(|| format!("failed to read `{}`", path.display()))?;
    Ok(File { path, bytes: bytes.into() })
}

fn plan(name: &str, bundle: File) -> anyhow::Result<chain::Plan> {
    let library = Library::new(Arc::new(Runtime::new(Options::default())?));
    let refused = library.replace(vec![bundle]);
    anyhow::ensure!(refused.is_empty(), "the bundle was refused: {refused:?}");
    let steps: String =
        (0..STEPS).map(|n| format!("[[step]]\nid = \"pass-{n}\"\nuses = \"{name}@^1\"\n")).collect();
    let text = format!("[chain]\nid = \"five\"\ninput = \"in\"\noutput = \"out\"\n{steps}");
    let source = Source { name: "five.toml".to_owned(), format: Format::Toml, text: text.into() };
    chain::compile(&source, &*library.snapshot()).map_err(|faults| anyhow!("{faults}"))
}

/// A post of 1 KB.
fn message() -> Message {
    let text = "rain over the harbour, and the ferries late again ".repeat(18);
    let body = format!(r#"{{"id":"42-0000000000000001","actor":"42","verb":"note","text":"{text}"}}"#);
    Message {
        id: "42-0000000000000001".to_owned(),
        kind: "note".to_owned(),
        key: "42".to_owned(),
        headers: model::Headers::default(),
        body: body.into(),
    }
}
