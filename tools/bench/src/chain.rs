//! A chain of five steps that hand the message on, by value, on one core, beside five bare calls of the same
//! component. What the difference pays for: the pool, budgets, the path, state and emissions, deadlines.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow};
use bundle::{File, Library, Options, Runtime};
use chain::{Format, Source};
use model::{Call, Message, NoState, Scope};

use crate::{bare::Bare, report::Row};

const STEPS: usize = 5;
/// Messages between two looks at the clock.
const LOT: u32 = 200;

/// Runs the benchmark.
pub(crate) fn run(time: Duration) -> anyhow::Result<Vec<Row>> {
    let path = testkit::bundles::guests()?.join("trap.wasm");
    let bytes = std::fs::read(&path).with_context(|| format!("failed to read `{}`", path.display()))?;
    let mut bare = Bare::new(&bytes, STEPS)?;
    let plan = plan(path, bytes)?;
    let message = message();
    let mut call = Call::new(0, 1, Scope::new(Arc::new(NoState)));

    // By turns, so that whatever else the machine does falls on both alike.
    let (mut floor, mut engine) = (Best::default(), Best::default());
    let end = Instant::now() + time;
    while Instant::now() < end {
        floor.turn(|| bare.run(&message).map(drop))?;
        engine.turn(|| {
            let finished = plan.execute(&message, &mut call, &mut ());
            finished.map(drop).map_err(|stopped| anyhow!("the chain stopped: {}", stopped.fault))
        })?;
    }
    Ok(vec![
        Row::new("five bare component calls", floor.rate(), "messages/s")
            .note(format!("{:.2} µs a call, 1 KB, one core", 1e6 / floor.rate() / STEPS as f64)),
        Row::new("the same five as a chain", engine.rate(), "messages/s")
            .beside("bare calls", floor.rate())
            .note(format!(
                "{:.2} µs a step; median of {} turns",
                1e6 / engine.rate() / STEPS as f64,
                engine.count()
            )),
    ])
}

/// Rates of many short turns.
#[derive(Default)]
struct Best(Vec<f64>);

impl Best {
    fn turn(&mut self, mut work: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<()> {
        let began = Instant::now();
        for _ in 0..LOT {
            work()?;
        }
        self.0.push(f64::from(LOT) / began.elapsed().as_secs_f64());
        Ok(())
    }

    /// The median, which a disturbed turn does not move.
    fn rate(&self) -> f64 {
        let mut rates = self.0.clone();
        rates.sort_by(f64::total_cmp);
        rates.get(rates.len() / 2).copied().unwrap_or(f64::NAN)
    }

    fn count(&self) -> usize {
        self.0.len()
    }
}

fn plan(path: PathBuf, bytes: Vec<u8>) -> anyhow::Result<chain::Plan> {
    let library = Library::new(Arc::new(Runtime::new(Options::default())?));
    let refused = library.replace(vec![File { path, bytes: bytes.into() }]);
    anyhow::ensure!(refused.is_empty(), "the bundle was refused: {refused:?}");
    let steps: String =
        (0..STEPS).map(|n| format!("[[step]]\nid = \"pass-{n}\"\nuses = \"trap@^1\"\n")).collect();
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
