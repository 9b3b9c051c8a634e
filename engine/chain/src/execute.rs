//! Runs one message through a plan.
//!
//! The hot path: no lock, no I/O, no look-up by text except the guest's own jump targets and outputs.
//! It allocates for what changes, for emissions, and for one copy of the message's texts; bodies are shared.

mod visit;

use std::{borrow::Cow, ops::ControlFlow, time::Instant};

use model::{Call, Emission, Fault, Message, Verdict};

use crate::{Observe, OnFailure, Path, Plan, Step, Visit};

/// Bytes of a message's body at most, after a step changed it.
pub const BODY_BYTES_MAX: usize = 1 << 20;
/// Bytes of a message's headers at most, names and values together, after a step changed them.
pub const HEADERS_BYTES_MAX: usize = 64 << 10;

/// A message came to its end.
#[derive(Debug)]
pub struct Finished {
    /// Which end.
    pub end: End,
    /// The message as the last step left it.
    pub message: Message,
    /// The steps it visited.
    pub path: Path,
    /// What the steps emitted, oldest first, with the index of the step.
    pub emitted: Vec<(usize, Emission)>,
    /// Advisory steps that failed and were passed over.
    pub skipped: Vec<Skipped>,
}

/// How a message ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It goes to the chain's output.
    Output,
    /// A step ended it; that is not a failure.
    Term {
        /// The step's words.
        reason: String,
    },
}

/// A step that failed for good, in a chain that goes on without it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The step's index.
    pub step: usize,
    /// What happened.
    pub fault: Fault,
}

/// A message could not come to an end. The caller still has it as it was, and the call holds
/// nothing of this attempt.
#[derive(Debug)]
pub struct Stopped {
    /// Why.
    pub fault: Fault,
    /// The steps visited, the one that failed last. When a budget ran out, the last is the one before.
    pub path: Path,
}

impl Plan {
    /// Runs `message` from the first step to its end.
    ///
    /// `call.seed` is the message's; each step gets its own, the same on every attempt. State writes
    /// stay in `call.state`, for the caller to commit; emissions come back in [`Finished`].
    ///
    /// # Errors
    /// [`Stopped`] with the fault of the step that failed. State writes and emissions of this message
    /// are gone from `call` then.
    pub fn execute(
        &self,
        message: &Message,
        call: &mut Call,
        observer: &mut impl Observe,
    ) -> Result<Finished, Stopped> {
        let seed = call.seed;
        let state = call.state.mark();
        call.emissions.clear();
        let mut way = Way {
            plan: self,
            message: Cow::Borrowed(message),
            path: Path::default(),
            emitted: Vec::new(),
            skipped: Vec::new(),
        };
        let result = way.walk(seed, call, observer);
        call.seed = seed;
        let Way { message, path, emitted, skipped, .. } = way;
        match result {
            Ok(end) => Ok(Finished { end, message: message.into_owned(), path, emitted, skipped }),
            Err(fault) => {
                call.state.rewind(state);
                Err(Stopped { fault, path })
            }
        }
    }
}

/// One message on its way.
struct Way<'a> {
    plan: &'a Plan,
    message: Cow<'a, Message>,
    path: Path,
    emitted: Vec<(usize, Emission)>,
    skipped: Vec<Skipped>,
}

impl Way<'_> {
    fn walk(&mut self, seed: u64, call: &mut Call, observer: &mut impl Observe) -> Result<End, Fault> {
        let plan = self.plan;
        let mut at = plan.entry;
        // The entry and every target were resolved when the plan was made, so there always is a step.
        while let Some(step) = plan.steps.get(at) {
            self.spend(at, step)?;
            call.seed = mix(seed, step.seed);
            match self.visit(at, step, call, observer)? {
                ControlFlow::Continue(next) => at = next,
                ControlFlow::Break(end) => return Ok(end),
            }
        }
        Err(Fault::Host { reason: format!("the plan has no step {at}") })
    }

    /// Takes one visit of `step` from the budgets.
    fn spend(&mut self, at: usize, step: &Step) -> Result<(), Fault> {
        let hops_max = self.plan.hops_max as usize;
        if self.path.len() >= hops_max {
            let detail = format!("at most {hops_max} steps per message (`hops_max`)");
            return Err(Fault::HopBudget { detail });
        }
        if let Some(visits_max) = step.visits_max
            && self.path.visits(at) >= visits_max as usize
        {
            let detail = format!("at most {visits_max} visits of `{}` (`visits_max`)", step.id);
            return Err(Fault::HopBudget { detail });
        }
        self.path.push(at);
        Ok(())
    }

    /// Calls the step and takes over what it changed, or nothing when it failed.
    fn visit<O: Observe>(
        &mut self,
        at: usize,
        step: &Step,
        call: &mut Call,
        observer: &mut O,
    ) -> Result<ControlFlow<End, usize>, Fault> {
        let state = call.state.mark();
        let started = O::WATCHES.then(Instant::now);
        let result = visit::call(step, &self.message, call);
        let elapsed = started.map(|s| s.elapsed()).unwrap_or_default();
        let skipped = match &result {
            Ok(_) => false,
            Err(fault) => {
                call.state.rewind(state);
                call.emissions.clear();
                self.may_skip(step, fault, call.attempt)
            }
        };
        if O::WATCHES {
            observer.step(Visit {
                step: at,
                elapsed,
                before: &self.message,
                result: result.as_ref().map(|(outcome, _)| outcome),
                emissions: &call.emissions,
                skipped,
            });
        }
        match result {
            Ok((outcome, to)) => {
                self.emitted.extend(call.emissions.drain(..).map(|emission| (at, emission)));
                if let Some(body) = outcome.body {
                    self.message.to_mut().body = body;
                }
                if let Some(headers) = outcome.headers {
                    self.message.to_mut().headers = headers;
                }
                Ok(onward(to, outcome.verdict))
            }
            Err(fault) if skipped => {
                self.skipped.push(Skipped { step: at, fault });
                Ok(onward(step.next, Verdict::Next))
            }
            Err(fault) => Err(fault),
        }
    }

    fn may_skip(&self, step: &Step, fault: &Fault, attempt: u32) -> bool {
        let last = !fault.retryable() || attempt >= self.plan.attempts_max;
        step.advisory && self.plan.on_failure == OnFailure::Skip && last
    }
}

/// To a step, or to the end that the verdict means.
fn onward(to: Option<usize>, verdict: Verdict) -> ControlFlow<End, usize> {
    match (to, verdict) {
        (Some(step), _) => ControlFlow::Continue(step),
        (None, Verdict::Term(reason)) => ControlFlow::Break(End::Term { reason }),
        (None, _) => ControlFlow::Break(End::Output),
    }
}

/// A seed for one step from the seed of a message: the finaliser of SplitMix64, so that near seeds
/// give unrelated ones.
fn mix(message: u64, step: u64) -> u64 {
    let mut z = message ^ step;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
