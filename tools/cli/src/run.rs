//! `catena run`: messages through a chain or a single bundle, on this machine, without a node.
//!
//! State lasts for the run and order is that of the input; nothing is written anywhere.

mod answer;
mod memory;
mod single;
mod trace;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use chain::Plan;
use clap::Args;
use model::{Call, Message, Scope};

use crate::{
    exit::{Failed, Result},
    messages::{Lines, parse},
    output::{Output, talk},
    workbench::{BundlesFolder, Workbench, count, read},
};
use answer::Answer;
use memory::Memory;
use trace::Trace;

/// Runs messages (NDJSON: {id?, kind, key, headers?, body}) through a chain or a single bundle.
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

impl Run {
    pub(crate) fn execute(self, output: Output) -> Result<()> {
        let plan = self.plan()?;
        let mut lines = Lines::open(self.messages.as_ref())?;
        let memory = Arc::new(Memory::default());
        let (mut total, mut bad) = (0, 0);
        while let Some(line) = lines.next()? {
            total += 1;
            match parse(&line.text, line.number) {
                Ok(message) => {
                    let answer = self.one(&plan, &message, line.number as u64, &memory);
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

    fn plan(&self) -> Result<Plan> {
        if self.chain.extension().is_some_and(|e| e == "wasm") {
            return single::plan(read(self.chain.clone())?, self.settings.as_deref());
        }
        if self.settings.is_some() {
            return Err(crate::exit::Usage(
                "--settings is for a single bundle: a chain has its own".to_owned(),
            )
            .into());
        }
        Workbench::open(&self.bundles)?.plan(&self.chain)
    }

    fn one(&self, plan: &Plan, message: &Message, number: u64, memory: &Arc<Memory>) -> Answer {
        let mut call = Call::new(now_ms(), number, Scope::new(memory.clone()));
        let mut trace = Trace::new(plan);
        let began = Instant::now();
        let result = if self.trace {
            plan.execute(message, &mut call, &mut trace)
        } else {
            plan.execute(message, &mut call, &mut ())
        };
        let elapsed = began.elapsed();
        if result.is_ok() {
            memory.commit(call.state.take_writes());
        }
        Answer::new(plan, message, result, elapsed, self.trace.then(|| trace.into_steps()))
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
