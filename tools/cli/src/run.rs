//! `catena run`: messages through a chain or a single bundle, on this machine, without a node.
//!
//! State lasts for the run and order is that of the input; nothing is written anywhere.

mod answer;
mod lone;
mod memory;
mod trace;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use chain::{Plan, Source};
use clap::Args;
use model::{Call, Message, Scope};

use crate::{
    exit::{Failed, Result, Usage},
    messages::{Lines, parse},
    output::{Output, talk},
    workbench::{BundlesFolder, Workbench, count, read},
};
use answer::Answer;
use lone::Lone;
use memory::Memory;
use trace::{Step, Trace};

/// Runs messages (NDJSON: {id?, kind, key, headers?, body or body_base64}) through a chain or a single bundle.
#[derive(Args)]
pub(crate) struct Run {
    /// A chain file, or one bundle (.wasm).
    chain: PathBuf,
    /// The messages; standard input where it is absent or `-`.
    messages: Option<PathBuf>,
    #[command(flatten)]
    bundles: BundlesFolder,
    /// Show each step with what it changed.
    #[arg(long)]
    trace: bool,
    /// Settings for a single bundle, as a JSON object.
    #[arg(long, value_name = "JSON")]
    settings: Option<String>,
}

/// What messages run through.
enum Subject {
    Chain(Plan),
    Bundle(Lone),
}

impl Run {
    pub(crate) fn execute(self, output: Output) -> Result<()> {
        let subject = self.subject()?;
        let mut lines = Lines::open(self.messages.as_ref())?;
        let memory = Arc::new(Memory::default());
        let (mut total, mut bad) = (0, 0);
        while let Some(line) = lines.next()? {
            total += 1;
            match parse(&line.text, line.number) {
                Ok(message) => {
                    let mut call = Call::new(now_ms(), line.number as u64, Scope::new(memory.clone()));
                    let answer = match &subject {
                        Subject::Chain(plan) => through(plan, &message, &mut call, self.trace),
                        Subject::Bundle(lone) => alone(lone, &message, &mut call, self.trace),
                    };
                    memory.commit(call.state.take_writes());
                    bad += usize::from(answer.failed());
                    output.print(&answer, Answer::text)?;
                }
                Err(error) => {
                    bad += 1;
                    talk(&format!("{}: {error:#}", lines.at(line.number)));
                }
            }
        }
        talk(&format!("{}, {bad} failed", count(total, "message")));
        if bad > 0 { Err(Failed.into()) } else { Ok(()) }
    }

    fn subject(&self) -> Result<Subject> {
        if self.chain.extension().is_some_and(|e| e == "wasm") {
            return Ok(Subject::Bundle(Lone::load(read(self.chain.clone())?, self.settings.as_deref())?));
        }
        if self.settings.is_some() {
            return Err(Usage("--settings is for a single bundle: a chain has its own".to_owned()).into());
        }
        let source = Source::read(&self.chain)?;
        Ok(Subject::Chain(Workbench::open(&self.bundles)?.plan(&source)?))
    }
}

fn through(plan: &Plan, message: &Message, call: &mut Call, traced: bool) -> Answer {
    let mut trace = Trace::new(plan);
    let began = Instant::now();
    let result =
        if traced { plan.execute(message, call, &mut trace) } else { plan.execute(message, call, &mut ()) };
    Answer::of_chain(plan, message, result, began.elapsed(), traced.then(|| trace.into_steps()))
}

fn alone(lone: &Lone, message: &Message, call: &mut Call, traced: bool) -> Answer {
    let began = Instant::now();
    let result = lone.process(message, call);
    let elapsed = began.elapsed();
    let emissions = std::mem::take(&mut call.emissions);
    let step =
        || Step::new(&lone.name, &lone.bundle, elapsed, &message.clone().into(), result.as_ref(), &emissions);
    let steps = traced.then(|| vec![step()]);
    Answer::of_bundle(&lone.name, message, result, &emissions, elapsed, steps)
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
