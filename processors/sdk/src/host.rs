//! What a processor may ask of the engine.
//!
//! A concrete type with one method per host function, not a trait object: what a processor does not call is
//! dropped by the linker, so the component imports, and the chain must grant, only what is used.

use serde::Serialize;

use crate::Failure;

#[cfg(target_family = "wasm")]
use crate::component::Imports as Backend;
#[cfg(not(target_family = "wasm"))]
use crate::testing::Memory as Backend;

/// How much a log line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For whoever is debugging this processor.
    Debug,
    /// Worth knowing.
    Info,
    /// Something was wrong and was handled.
    Warn,
    /// A person must act.
    Error,
}

/// The engine as seen by one call.
#[derive(Debug, Default)]
pub struct Host {
    pub(crate) backend: Backend,
}

impl Host {
    /// Writes a log line. Chain, step and message id are added by the engine.
    pub fn log(&mut self, level: Level, text: &str) {
        self.backend.log(level, text);
    }

    /// [`log`](Self::log) at [`Level::Debug`].
    pub fn debug(&mut self, text: &str) {
        self.log(Level::Debug, text);
    }

    /// [`log`](Self::log) at [`Level::Info`].
    pub fn info(&mut self, text: &str) {
        self.log(Level::Info, text);
    }

    /// [`log`](Self::log) at [`Level::Warn`].
    pub fn warn(&mut self, text: &str) {
        self.log(Level::Warn, text);
    }

    /// [`log`](Self::log) at [`Level::Error`].
    pub fn error(&mut self, text: &str) {
        self.log(Level::Error, text);
    }

    /// When the message was accepted, milliseconds since 1970. A repeated message reads the same.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.backend.now_ms()
    }

    /// The next 64 random bits. A repeated message reads the same ones.
    pub fn random_u64(&mut self) -> u64 {
        self.backend.random_u64()
    }

    /// The value kept under `name` for this processor and the message's key. Needs the grant `state`.
    #[must_use]
    pub fn state(&self, name: &str) -> Option<Vec<u8>> {
        self.backend.state(name)
    }

    /// Keeps `value` under `name` (at most 64 KiB under at most 128 bytes), for this processor and the message's
    /// key. Committed when the message is settled, forgotten when it fails. Needs the grant `state`.
    pub fn set_state(&mut self, name: &str, value: &[u8]) {
        self.backend.set_state(name, value);
    }

    /// Removes what is kept under `name`. Needs the grant `state`.
    pub fn remove_state(&mut self, name: &str) {
        self.backend.remove_state(name);
    }

    /// Emits a message to an output the chain declares, beside the message at work. Sent when the message is
    /// settled, forgotten when it fails. Needs the grant `output:<name>`.
    ///
    /// # Errors
    /// A rejection with the host's sentence, where the output is not declared or not granted.
    pub fn emit(&mut self, output: &str, emission: Emission) -> Result<(), Failure> {
        self.backend
            .emit(output, &emission)
            .map_err(|reason| Failure::Reject(format!("failed to emit to output `{output}`: {reason}")))
    }
}

/// A message to emit. The engine gives it an id that repeats when the message at work is repeated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Emission {
    pub(crate) kind: String,
    pub(crate) key: String,
    pub(crate) body: Vec<u8>,
}

impl Emission {
    /// A message of `kind` with an empty body and the key of the message at work.
    pub fn new(kind: impl Into<String>) -> Self {
        Self { kind: kind.into(), ..Self::default() }
    }

    /// With another key.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<String>) -> Self {
        self.key = key.into();
        self
    }

    /// With these bytes as the body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// With `value` as the body, as JSON.
    ///
    /// # Errors
    /// A rejection, where the value has no form in JSON.
    pub fn with_json(self, value: &impl Serialize) -> Result<Self, Failure> {
        Ok(self.with_body(crate::outcome::to_json(value)?))
    }
}
