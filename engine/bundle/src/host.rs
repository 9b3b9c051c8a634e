//! The capabilities a bundle may import, over the data of its store.
//!
//! Linked once per engine; what a step may use was checked when it was resolved. The data is made
//! ready for a call by moving the callers' [`Call`]s in ([`Host::enter`]) and out ([`Host::leave`]):
//! no allocation once the buffers have grown.

mod at;
mod budget;
mod denied;
mod log;
mod outputs;
mod state;
mod values;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use model::{Call, NoState, Scope, StateError, Task};
use thiserror::Error;
use wasmtime::{Engine, component::Linker};

use crate::{abi::Batch, limit::Limiter};
use budget::Budget;

pub(crate) use denied::deny_wasi;

/// What one resolved step is to its instances.
#[derive(Debug)]
pub(crate) struct Step {
    /// The step's id.
    pub(crate) name: String,
    /// `name@version`, for people.
    pub(crate) bundle: String,
    /// The bundle's name: its versions share state.
    pub(crate) processor: String,
    /// Its settings as JSON text.
    pub(crate) settings: Arc<str>,
    /// Outputs it may emit to.
    pub(crate) outputs: Vec<String>,
}

/// The data of one store.
pub(crate) struct Host {
    pub(crate) limiter: Limiter,
    step: Arc<Step>,
    /// The messages of this call.
    batch: Option<Arc<Batch>>,
    /// What capabilities are about now.
    subject: Subject,
    /// Every subject of the call; in the place of the one at hand stands an idle one.
    subjects: Vec<Subject>,
    at: usize,
    /// How many of the subjects this call has.
    count: usize,
    /// The last error it logged in this call: what it had to say before it trapped.
    last_words: String,
}

/// One message of a call, as far as capabilities know it.
struct Subject {
    call: Call,
    random: u64,
    budget: Budget,
}

impl Subject {
    /// Of no message.
    fn idle() -> Self {
        Self { call: Call::new(0, 0, Scope::new(Arc::new(NoState))), random: 0, budget: Budget::default() }
    }

    fn enter(&mut self, Task { call, .. }: &mut Task<'_>) {
        self.random = call.seed;
        self.budget = Budget::default();
        std::mem::swap(&mut self.call, call);
    }
}

impl Host {
    /// Between calls.
    pub(crate) fn new(step: Arc<Step>, limiter: Limiter) -> Self {
        Self {
            limiter,
            step,
            batch: None,
            subject: Subject::idle(),
            subjects: Vec::new(),
            at: 0,
            count: 0,
            last_words: String::new(),
        }
    }

    /// Takes the calls in for the time of one invocation, which begins with the first of them. In `batch` their messages are
    /// named.
    pub(crate) fn enter(&mut self, tasks: &mut [Task<'_>], batch: &Arc<Batch>) {
        self.last_words.clear();
        self.batch = Some(Arc::clone(batch));
        self.count = tasks.len();
        if self.subjects.len() < self.count {
            self.subjects.resize_with(self.count, Subject::idle);
        }
        for (subject, task) in self.subjects.iter_mut().zip(tasks) {
            subject.enter(task);
        }
        self.at = 0;
        self.exchange();
    }

    /// The last error the guest logged in this call, empty where it logged none.
    pub(crate) fn last_words(&self) -> &str {
        &self.last_words
    }

    /// Gives them back.
    pub(crate) fn leave(&mut self, tasks: &mut [Task<'_>]) {
        self.exchange();
        for (subject, task) in self.subjects.iter_mut().zip(tasks) {
            std::mem::swap(&mut subject.call, task.call);
        }
        self.batch = None;
        self.count = 0;
    }

    /// The id of the message at hand; empty between calls.
    fn message_id(&self) -> &str {
        self.batch.as_ref().map_or("", |batch| batch.id(self.at))
    }

    /// Its key.
    fn message_key(&self) -> &str {
        self.batch.as_ref().map_or("", |batch| batch.key(self.at))
    }

    /// Puts the subject at hand in its place, or takes it from there.
    fn exchange(&mut self) {
        if let Some(place) = self.subjects.get_mut(self.at) {
            std::mem::swap(place, &mut self.subject);
        }
    }
}

/// Why a capability ended the call.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Failed {
    /// The host's own trouble, not the guest's.
    #[error("{0}")]
    Unavailable(StateError),
    /// The guest used it in a way it may not.
    #[error("the processor {0}")]
    Misused(String),
}

impl From<StateError> for Failed {
    fn from(error: StateError) -> Self {
        match error {
            StateError::TooLarge { name, bytes, bytes_max } => Self::Misused(format!(
                "put {bytes} bytes into state `{name}`, an entry has at most {bytes_max}"
            )),
            other => Self::Unavailable(other),
        }
    }
}

/// Everything the host has, ready to link.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<Host>> {
    let mut linker = Linker::new(engine);
    log::link(&mut linker)?;
    values::link(&mut linker)?;
    state::link(&mut linker)?;
    outputs::link(&mut linker)?;
    at::link(&mut linker)?;
    Ok(linker)
}
