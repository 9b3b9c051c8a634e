//! The instances of one resolved step: checked out, called, returned or retired.
//!
//! Grows to as many instances as call at once and keeps at most [`IDLE_MAX`] of them. Nothing locks.
//! An instance that trapped can never be entered again, and one that lived long may have piled
//! things up; both are replaced by the next call that needs one, which takes microseconds and whatever
//! `configure` does. Where the step wants fresh instances each serves one message: the one that [`Pool::warm`] looked at the
//! settings with, then one started for each.

mod pace;
#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use crossbeam_queue::ArrayQueue;
use model::{Answers, Call, Fault, Limits, Message, Outcome, Processor, Refusal, Task, Wanted};
use smallvec::SmallVec;

use crate::{
    Info, Runtime, fault,
    host::Step,
    instance::{Instance, NotStarted, START_DEADLINE},
    metric::Metrics,
    prepare::Prepared,
    runtime::Ticker,
};
use pace::{BATCH_MAX, Pace};

/// Idle instances kept.
const IDLE_MAX: usize = 64;
/// Calls an instance serves, and a millisecond for so many of them at least: a busy step would otherwise start another one ten
/// times a second, and the messages that come just then wait for it.
const CALLS_MAX: usize = 10_000;
const CALLS_A_MS: u64 = 10;
/// Each serves fewer by another part of this: steps that are called alike would otherwise start their next instances all at once,
/// and every message that comes then would wait for all of them.
const CALLS_SPREAD: usize = CALLS_MAX / 4;
/// Shares no factor with the spread and goes through it in strides: no two instances in a row end near each other.
const CALLS_STRIDE: usize = 1_543;
/// Messages that an instance serves in any case; one that has used up half of its memory by then goes, before it is at its limit
/// in the middle of a call.
const MESSAGES_MIN: usize = 10_000;
/// Milliseconds that an instance serves at most for each of the calls it may serve: ten minutes for the most.
const AGE_MAX_MS: u64 = 60;

/// What calls held before a call: writes of state, and emissions.
type Marks = SmallVec<[(usize, usize); BATCH_MAX]>;

pub(crate) struct Pool {
    // Before `runtime`: instances go before the ticker that cuts them off.
    idle: ArrayQueue<Instance>,
    prepared: Arc<Prepared>,
    step: Arc<Step>,
    limits: Limits,
    ticks: u64,
    /// Whether each message has an instance of its own.
    fresh: bool,
    pace: Pace,
    metrics: Metrics,
    runtime: Arc<Runtime>,
}

impl Pool {
    /// A pool for one step, with one instance ready: settings that do not suit are found here.
    pub(crate) fn warm(
        runtime: &Arc<Runtime>,
        prepared: &Arc<Prepared>,
        info: &Info,
        wanted: &Wanted,
    ) -> Result<Self, Refusal> {
        let bundle = info.bundle().to_string();
        let pool = Self {
            idle: ArrayQueue::new(IDLE_MAX),
            prepared: Arc::clone(prepared),
            limits: wanted.limits,
            ticks: Ticker::ticks(wanted.limits.deadline),
            fresh: wanted.fresh_instance,
            pace: Pace::default(),
            metrics: Metrics::new(&wanted.step, &bundle),
            step: Arc::new(Step {
                name: wanted.step.to_string(),
                processor: info.name.to_string(),
                settings: settings(&wanted.settings),
                outputs: wanted.outputs.clone(),
                bundle: bundle.clone(),
            }),
            runtime: Arc::clone(runtime),
        };
        match pool.start() {
            Ok(instance) => pool.put_back(instance),
            Err(NotStarted::Settings(reason)) => return Err(Refusal::SettingsRefused { bundle, reason }),
            Err(NotStarted::Failed { error, .. }) if fault::is_exhaustion(&error) => {
                return Err(Refusal::Exhausted { bundle, instances_max: runtime.instances_max });
            }
            Err(NotStarted::Failed { error, last_words }) => {
                let fault = fault::of(&error, START_DEADLINE, &last_words);
                let reason = format!("it does not start: {fault}");
                return Err(Refusal::Broken { name: bundle, reason });
            }
        }
        Ok(pool)
    }

    fn start(&self) -> Result<Instance, NotStarted> {
        let now = self.runtime.ticker.millis();
        let calls = if self.fresh { 1 } else { calls_of(self.runtime.started.fetch_add(1, Relaxed)) };
        let memory_bytes_max = self.limits.memory_bytes_max;
        Instance::start(&self.prepared, &self.step, memory_bytes_max, calls, now, &self.metrics.live)
    }

    /// Keeps `instance` for the next call, unless it has served its time or there are enough.
    fn put_back(&self, instance: Instance) {
        let age_ms = self.runtime.ticker.millis().saturating_sub(instance.born_ms);
        let full = instance.messages >= MESSAGES_MIN && instance.half_full();
        let calls_max = instance.calls_max;
        let served = instance.calls >= calls_max && age_ms >= calls_max as u64 / CALLS_A_MS;
        if !served && !full && age_ms < calls_max as u64 * AGE_MAX_MS {
            // A full pool drops it.
            let _ = self.idle.push(instance);
        }
    }

    fn count(&self, fault: &Fault) {
        if let Fault::Trap { kind, .. } = fault {
            self.metrics.trapped(*kind);
        }
    }

    /// A new instance while messages flow: its first sibling took these settings, so a refusal now is
    /// the bundle's own inconsistency, and the host's to try again.
    fn replacement(&self) -> Result<Instance, Fault> {
        self.start().map_err(|not| match not {
            NotStarted::Settings(reason) => {
                Fault::Host { reason: format!("a new instance refused its settings: {reason}") }
            }
            NotStarted::Failed { error, last_words } => fault::of(&error, START_DEADLINE, &last_words),
        })
    }

    /// Lets an instance work on the tasks, and retires it where it failed: then there is no answer.
    fn call(&self, tasks: &mut [Task<'_>], answers: &mut Answers) -> Result<(), Fault> {
        let mut instance = match self.idle.pop() {
            Some(instance) => instance,
            None => self.replacement()?,
        };
        let began_ms = self.runtime.ticker.millis();
        let answered = answers.len();
        instance.process(tasks, self.ticks, answers).map_err(|error| {
            answers.truncate(answered);
            fault::of(&error, self.limits.deadline, instance.last_words())
        })?;
        let took_ms = self.runtime.ticker.millis().saturating_sub(began_ms);
        self.pace.went(tasks.len(), Duration::from_millis(took_ms), self.limits.deadline);
        self.put_back(instance);
        Ok(())
    }

    /// A call for one message.
    fn alone(&self, task: &mut Task<'_>, answers: &mut Answers) {
        if let Err(fault) = self.call(std::slice::from_mut(task), answers) {
            self.count(&fault);
            answers.push(Err(fault));
        }
    }

    /// One call for all of them; where that fails each has one of its own, so that nobody but the message that
    /// caused it pays, and each has its whole deadline.
    fn together(&self, tasks: &mut [Task<'_>], answers: &mut Answers) {
        let marks: Marks =
            tasks.iter().map(|task| (task.call.state.mark(), task.call.emissions.len())).collect();
        let answered = answers.len();
        if self.call(tasks, answers).is_ok() {
            return;
        }
        self.metrics.repeated.increment(1);
        for (task, (state, emissions)) in tasks.iter_mut().zip(marks) {
            task.call.state.rewind(state);
            task.call.emissions.truncate(emissions);
            self.alone(task, answers);
        }
        let failed = |fault: &Fault| matches!(fault, Fault::Trap { .. } | Fault::Host { .. });
        if !answers.faults_behind(answered).any(failed) {
            // None of them was to blame.
            self.pace.was_too_much(tasks.len());
        }
    }
}

impl Processor for Pool {
    fn process(&self, message: &Message, call: &mut Call) -> Result<Outcome, Fault> {
        let (mut draft, mut answers) = (message.clone().into(), Answers::default());
        self.alone(&mut Task { draft: &mut draft, call }, &mut answers);
        let answer = answers.drain().next();
        answer.map_or_else(
            || Err(Fault::Host { reason: "the processor gave no answer".to_owned() }),
            Into::into,
        )
    }

    fn process_batch(&self, tasks: &mut [Task<'_>], answers: &mut Answers) {
        let mut rest = tasks;
        while !rest.is_empty() {
            let many = self.prepared.takes_batches() && !self.fresh;
            let count = if many { self.pace.next(rest) } else { 1 };
            let (next, behind) = rest.split_at_mut(count);
            match next {
                [task] => self.alone(task, answers),
                tasks => self.together(tasks, answers),
            }
            rest = behind;
        }
    }
}

/// How many calls the instance serves that is started as the nth.
fn calls_of(nth: usize) -> usize {
    CALLS_MAX - nth.wrapping_mul(CALLS_STRIDE) % CALLS_SPREAD
}

/// A step without settings reads an empty object.
fn settings(value: &serde_json::Value) -> Arc<str> {
    if value.is_null() { "{}".into() } else { value.to_string().into() }
}
