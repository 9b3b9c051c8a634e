//! Runs messages through a plan: those that wait at the same step visit it together, in one call.
//!
//! The hot path: no lock, no I/O, no look-up by text except the guest's own jump targets and outputs.
//! It allocates for what changes, for emissions, and for one copy of each message's texts; bodies are shared. A step
//! that changes nothing allocates nothing: what a visit needs is kept for the next one.

mod check;
mod way;

use std::{ops::ControlFlow, time::Instant};

use model::{Answer, Answers, Call, Emission, Fault, Message, Outcome, Task, Verdict};

use crate::{Observe, Path, Plan, Told};
use way::Way;

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
        let mut ways = [Way::new(self, message, call)];
        self.walk(&mut ways, observer);
        let [way] = ways;
        way.finish()
    }

    /// Runs several messages, each as [`execute`](Self::execute) would: one answer a message, in their order.
    ///
    /// A step is called once for all messages that wait at it. So no two may share state: where the plan
    /// [keeps some](Self::keeps_state), they have different keys.
    pub fn execute_batch<'a>(
        &self,
        messages: impl IntoIterator<Item = (&'a Message, &'a mut Call)>,
        observer: &mut impl Observe,
    ) -> Vec<Result<Finished, Stopped>> {
        let messages = messages.into_iter();
        let mut ways: Vec<_> = messages.map(|(message, call)| Way::new(self, message, call)).collect();
        self.walk(&mut ways, observer);
        ways.into_iter().map(Way::finish).collect()
    }

    /// Takes every way to its end.
    fn walk(&self, ways: &mut [Way<'_>], observer: &mut impl Observe) {
        let mut room = Room::for_messages(ways.len());
        // The first step that anybody waits at: those behind it on the way to later ones catch up, and go on
        // together from there.
        while let Some(at) = ways.iter().filter_map(Way::waits_at).min() {
            self.visit(at, ways, &mut room, observer);
        }
    }

    /// Lets all that wait at step `at` visit it.
    fn visit<O: Observe>(&self, at: usize, ways: &mut [Way<'_>], room: &mut Room, observer: &mut O) {
        // The entry and every target were resolved when the plan was made, so there always is a step.
        let Some(step) = self.steps.get(at) else {
            let lost = ways.iter_mut().filter(|way| way.waits_at() == Some(at));
            lost.for_each(|way| way.fail(Fault::Host { reason: format!("the plan has no step {at}") }));
            return;
        };
        let mut tasks: Vec<Task<'_>> = std::mem::take(&mut room.tasks);
        tasks.extend(ways.iter_mut().filter_map(|way| way.enter(self, at, step)));
        let count = tasks.len();
        let started = (O::TOLD != Told::Nothing).then(Instant::now);
        step.processor.process_batch(&mut tasks, &mut room.answers);
        room.tasks = emptied(tasks);
        let elapsed =
            started.map(|started| started.elapsed() / u32::try_from(count.max(1)).unwrap_or(u32::MAX));
        let elapsed = elapsed.unwrap_or_default();
        let (mut answers, mut passed) = (room.answers.drain(), 0);
        for way in ways.iter_mut().filter(|way| way.waits_at() == Some(at)) {
            match answers.next() {
                Some(Answer::Pass) if O::TOLD != Told::Visits && way.pass(step) => passed += 1,
                Some(answer) => way.leave(self, at, step, answer.into(), elapsed, observer),
                None => way.leave(self, at, step, unanswered(), elapsed, observer),
            }
        }
        if passed > 0 {
            observer.passed(at, passed, elapsed);
        }
    }
}

/// What the visits of a walk need, one after the other. Empty between them.
struct Room {
    tasks: Vec<Task<'static>>,
    answers: Answers,
}

impl Room {
    fn for_messages(count: usize) -> Self {
        Self { tasks: Vec::with_capacity(count), answers: Answers::default() }
    }
}

/// The list without its tasks: the next ones borrow from the messages anew. Items of one layout are collected in place, so
/// that its memory is kept; that it is, a test in tools/bench counts.
fn emptied(tasks: Vec<Task<'_>>) -> Vec<Task<'static>> {
    tasks.into_iter().map_while(|_| None).collect()
}

/// For a processor of the engine's own that breaks its contract.
fn unanswered() -> Result<Outcome, Fault> {
    Err(Fault::Host { reason: "the processor answered fewer messages than it was given".to_owned() })
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
