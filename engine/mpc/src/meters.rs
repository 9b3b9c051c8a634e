//! Handles of what is measured per step, made once for each plan.

use std::time::Duration;

use chain::{Observe, Plan, Told, Visit};
use metrics::{Counter, Histogram};
use model::{Name, Verdict};

use crate::metric;

/// Of each step, in the order of the plan.
pub(crate) struct Meters {
    chain: Name,
    steps: Vec<StepMeters>,
}

struct StepMeters {
    step: Name,
    next: Counter,
    term: Counter,
    jump: Counter,
    seconds: Histogram,
}

impl Meters {
    pub(crate) fn of(plan: &Plan) -> Self {
        let chain = plan.id.clone();
        let steps = plan.steps.iter().map(|step| StepMeters::of(&chain, &step.id)).collect();
        Self { chain, steps }
    }
}

impl StepMeters {
    fn of(chain: &Name, step: &Name) -> Self {
        let labels = [("chain", chain.to_string()), ("step", step.to_string())];
        Self {
            step: step.clone(),
            next: messages(chain, step, "next"),
            term: messages(chain, step, "term"),
            jump: messages(chain, step, "jump"),
            seconds: metrics::histogram!(metric::STEP_SECONDS, &labels),
        }
    }
}

fn messages(chain: &Name, step: &Name, verdict: &'static str) -> Counter {
    let (chain, step) = (chain.to_string(), step.to_string());
    metrics::counter!(metric::MESSAGES, "chain" => chain, "step" => step, "verdict" => verdict)
}

/// Counts each visit; a fault is rare enough to look its counter up.
impl Observe for &Meters {
    const TOLD: Told = Told::Counts;

    fn step(&mut self, visit: Visit<'_>) {
        let Some(meters) = self.steps.get(visit.step) else { return };
        meters.seconds.record(visit.elapsed.as_secs_f64());
        match visit.result.map(|outcome| &outcome.verdict) {
            Ok(Verdict::Next) => meters.next.increment(1),
            Ok(Verdict::Term(_)) => meters.term.increment(1),
            Ok(Verdict::Jump(_)) => meters.jump.increment(1),
            Err(fault) => messages(&self.chain, &meters.step, fault.code()).increment(1),
        }
    }

    fn passed(&mut self, step: usize, messages: usize, elapsed: Duration) {
        let Some(meters) = self.steps.get(step) else { return };
        meters.seconds.record_many(elapsed.as_secs_f64(), messages);
        meters.next.increment(messages as u64);
    }
}
