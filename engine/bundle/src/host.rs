//! The capabilities a bundle may import, over the data of its store.
//!
//! Linked once per engine; what a step may use was checked when it was resolved. The data is made
//! ready for a call by moving the caller's [`Call`] in ([`Host::enter`]) and out ([`Host::leave`]):
//! no allocation once the two text buffers have grown.

mod budget;
mod denied;
mod log;
mod outputs;
mod state;
mod values;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use model::{Call, Message, NoState, Scope, StateError};
use thiserror::Error;
use wasmtime::{Engine, component::Linker};

use crate::limit::Limiter;
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
    call: Call,
    message_id: String,
    message_key: String,
    random: u64,
    budget: Budget,
    /// The last error it logged in this call: what it had to say before it trapped.
    last_words: String,
}

impl Host {
    /// Between calls.
    pub(crate) fn new(step: Arc<Step>, limiter: Limiter) -> Self {
        Self {
            limiter,
            step,
            call: Call::new(0, 0, Scope::new(Arc::new(NoState))),
            message_id: String::new(),
            message_key: String::new(),
            random: 0,
            budget: Budget::default(),
            last_words: String::new(),
        }
    }

    /// Takes `call` in for the time of one invocation.
    pub(crate) fn enter(&mut self, message: &Message, call: &mut Call) {
        self.message_id.clear();
        self.message_id.push_str(&message.id);
        self.message_key.clear();
        self.message_key.push_str(&message.key);
        self.random = call.seed;
        self.budget = Budget::default();
        self.last_words.clear();
        std::mem::swap(&mut self.call, call);
    }

    /// The last error the guest logged in this call, empty where it logged none.
    pub(crate) fn last_words(&self) -> &str {
        &self.last_words
    }

    /// Gives it back.
    pub(crate) fn leave(&mut self, call: &mut Call) {
        std::mem::swap(&mut self.call, call);
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
    Ok(linker)
}
