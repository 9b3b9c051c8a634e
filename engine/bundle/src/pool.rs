//! The instances of one resolved step: checked out, called, returned or retired.
//!
//! Grows to as many instances as call at once and keeps at most [`IDLE_MAX`] of them. Nothing locks.
//! An instance that trapped can never be entered again, and one that lived long may have piled
//! things up; both are replaced by the next call that needs one, which takes microseconds and whatever
//! `configure` does.

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use crossbeam_queue::ArrayQueue;
use model::{Call, Fault, Limits, Message, Outcome, Processor, Refusal, Wanted};

use crate::{
    Info, Runtime, fault,
    host::Step,
    instance::{Instance, NotStarted, START_DEADLINE},
    metric::Metrics,
    prepare::Prepared,
    runtime::Ticker,
};

/// Idle instances kept.
const IDLE_MAX: usize = 64;
/// Calls an instance serves.
const CALLS_MAX: u32 = 10_000;
/// Time an instance serves.
const AGE_MAX: Duration = Duration::from_secs(600);

pub(crate) struct Pool {
    // Before `runtime`: instances go before the ticker that cuts them off.
    idle: ArrayQueue<Instance>,
    prepared: Arc<Prepared>,
    step: Arc<Step>,
    limits: Limits,
    ticks: u64,
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
        Instance::start(&self.prepared, &self.step, self.limits.memory_bytes_max, now, &self.metrics.live)
    }

    /// Keeps `instance` for the next call, unless it has served its time or there are enough.
    fn put_back(&self, instance: Instance) {
        let age_ms = self.runtime.ticker.millis().saturating_sub(instance.born_ms);
        if instance.calls < CALLS_MAX && u128::from(age_ms) < AGE_MAX.as_millis() {
            // A full pool drops it.
            let _ = self.idle.push(instance);
        }
    }

    fn fault(&self, error: &wasmtime::Error, deadline: Duration, last_words: &str) -> Fault {
        let fault = fault::of(error, deadline, last_words);
        if let Fault::Trap { kind, .. } = &fault {
            self.metrics.trapped(*kind);
        }
        fault
    }

    /// A new instance while messages flow: its first sibling took these settings, so a refusal now is
    /// the bundle's own inconsistency, and the host's to try again.
    fn replacement(&self) -> Result<Instance, Fault> {
        self.start().map_err(|not| match not {
            NotStarted::Settings(reason) => {
                Fault::Host { reason: format!("a new instance refused its settings: {reason}") }
            }
            NotStarted::Failed { error, last_words } => self.fault(&error, START_DEADLINE, &last_words),
        })
    }
}

impl Processor for Pool {
    fn process(&self, message: &Message, call: &mut Call) -> Result<Outcome, Fault> {
        let mut instance = match self.idle.pop() {
            Some(instance) => instance,
            None => self.replacement()?,
        };
        match instance.process(message, call, self.ticks) {
            Ok(answer) => {
                self.put_back(instance);
                answer.map(Outcome::from).map_err(Fault::from)
            }
            Err(error) => Err(self.fault(&error, self.limits.deadline, instance.last_words())),
        }
    }
}

/// A step without settings reads an empty object.
fn settings(value: &serde_json::Value) -> Arc<str> {
    if value.is_null() { "{}".into() } else { value.to_string().into() }
}
