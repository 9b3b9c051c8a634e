//! One message on its way through a plan.

use std::{ops::ControlFlow, time::Duration};

use model::{Call, Draft, Emission, Fault, Message, Outcome, Task, Verdict};

use super::{End, Finished, Skipped, Stopped, check, mix, onward};
use crate::{Observe, OnFailure, Path, Plan, Step, Told, Visit};

pub(super) struct Way<'a> {
    draft: Draft,
    call: &'a mut Call,
    /// The message's own seed; the call holds that of the step it visits.
    seed: u64,
    /// Where its state writes begin, and where those of the step it visits do.
    begun: usize,
    entered: usize,
    path: Path,
    emitted: Vec<(usize, Emission)>,
    skipped: Vec<Skipped>,
    place: Place,
}

enum Place {
    Waits(usize),
    Ended(Result<End, Fault>),
}

impl<'a> Way<'a> {
    /// At the plan's entry.
    pub(super) fn new(plan: &Plan, message: &Message, call: &'a mut Call) -> Self {
        call.emissions.clear();
        let begun = call.state.mark();
        Self {
            draft: message.clone().into(),
            seed: call.seed,
            call,
            begun,
            entered: begun,
            path: Path::default(),
            emitted: Vec::new(),
            skipped: Vec::new(),
            place: Place::Waits(plan.entry),
        }
    }

    /// The step it is to visit, unless it has come to its end.
    pub(super) fn waits_at(&self) -> Option<usize> {
        match self.place {
            Place::Waits(at) => Some(at),
            Place::Ended(_) => None,
        }
    }

    pub(super) fn fail(&mut self, fault: Fault) {
        self.place = Place::Ended(Err(fault));
    }

    /// The visit of `step`, where this is the one it waits at and its budgets allow another.
    pub(super) fn enter(&mut self, plan: &Plan, at: usize, step: &Step) -> Option<Task<'_>> {
        if self.waits_at() != Some(at) {
            return None;
        }
        if let Err(fault) = self.spend(plan, at, step) {
            self.fail(fault);
            return None;
        }
        self.call.seed = mix(self.seed, step.seed);
        self.entered = self.call.state.mark();
        Some(Task { draft: &mut self.draft, call: self.call })
    }

    /// Takes one visit of `step` from the budgets.
    fn spend(&mut self, plan: &Plan, at: usize, step: &Step) -> Result<(), Fault> {
        let hops_max = plan.hops_max as usize;
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

    /// Goes on from `step` as it came, where nothing was emitted that has to be looked at: [`leave`](Self::leave), in short.
    pub(super) fn pass(&mut self, step: &Step) -> bool {
        let passes = self.call.emissions.is_empty();
        if passes {
            self.place = step.next.map_or(Place::Ended(Ok(End::Output)), Place::Waits);
        }
        passes
    }

    /// Takes over what the step changed, or nothing when it failed, and goes where the verdict leads.
    pub(super) fn leave<O: Observe>(
        &mut self,
        plan: &Plan,
        at: usize,
        step: &Step,
        mut result: Result<Outcome, Fault>,
        elapsed: Duration,
        observer: &mut O,
    ) {
        let mut to = None;
        if let Ok(outcome) = &result {
            match check::outcome(step, outcome, &mut self.draft, self.call) {
                Ok(target) => to = target,
                Err(fault) => result = Err(fault),
            }
        }
        let skipped = match &result {
            Ok(_) => false,
            Err(fault) => {
                self.call.state.rewind(self.entered);
                self.call.emissions.clear();
                may_skip(plan, step, fault, self.call.attempt)
            }
        };
        if O::TOLD != Told::Nothing {
            observer.step(Visit {
                step: at,
                elapsed,
                before: &self.draft,
                result: result.as_ref(),
                emissions: &self.call.emissions,
                skipped,
            });
        }
        let onward = match result {
            Ok(Outcome { verdict, body, headers, edits }) => {
                self.emitted.extend(self.call.emissions.drain(..).map(|emission| (at, emission)));
                match self.draft.apply(body, headers, edits) {
                    Ok(()) => onward(to, verdict),
                    Err(error) => return self.fail(Fault::Reject { reason: error.to_string() }),
                }
            }
            Err(fault) if skipped => {
                self.skipped.push(Skipped { step: at, fault });
                onward(step.next, Verdict::Next)
            }
            Err(fault) => return self.fail(fault),
        };
        self.place = match onward {
            ControlFlow::Continue(next) => Place::Waits(next),
            ControlFlow::Break(end) => Place::Ended(Ok(end)),
        };
    }

    /// What came of it.
    pub(super) fn finish(self) -> Result<Finished, Stopped> {
        let Self { draft, call, seed, begun, path, emitted, skipped, place, .. } = self;
        call.seed = seed;
        let fault = match place {
            Place::Ended(Ok(end)) => {
                return Ok(Finished { end, message: draft.into_message(), path, emitted, skipped });
            }
            Place::Ended(Err(fault)) => fault,
            Place::Waits(at) => Fault::Host { reason: format!("the message was left at step {at}") },
        };
        call.state.rewind(begun);
        Err(Stopped { fault, path })
    }
}

fn may_skip(plan: &Plan, step: &Step, fault: &Fault, attempt: u32) -> bool {
    let last = !fault.retryable() || attempt >= plan.attempts_max;
    step.advisory && plan.on_failure == OnFailure::Skip && last
}
