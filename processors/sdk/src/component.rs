//! The wasm side: bindings generated from `wit/`, and the way between them and the SDK's types.
//!
//! The only place that knows how messages cross. A batch world will be a second set of exports here and in
//! `export!`, with no change to any processor.

use std::{cell::RefCell, panic};

use crate::{Emission, Failure, Host, Level, Message, Processor, Verdict, processor::build};

use bindings::catena::processor::{clock, log, outputs, random, settings, state};

/// What `wit-bindgen` generates for the world `configurable-processor`.
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic, clippy::indexing_slicing)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "configurable-processor",
        pub_export_macro: true,
        export_macro_name: "__export_component",
    });
}

/// Where an instance keeps its processor between calls.
#[derive(Debug)]
pub struct Slot<P>(RefCell<Option<P>>);

impl<P: Processor> Slot<P> {
    /// No processor yet.
    #[must_use]
    pub const fn empty() -> Self {
        Self(RefCell::new(None))
    }

    /// Builds the processor from the step's settings.
    ///
    /// # Errors
    /// The sentence that refuses them.
    pub fn configure(&self) -> Result<(), String> {
        explain_panics();
        *self.0.borrow_mut() = Some(build(&settings::get())?);
        Ok(())
    }

    /// Runs the processor on one message. A host that does not call `configure` gets it built on the first.
    ///
    /// # Errors
    /// The processor's own failure.
    pub fn process(&self, message: bindings::Message) -> Result<bindings::Outcome, bindings::Failure> {
        if self.0.borrow().is_none() {
            self.configure().map_err(bindings::Failure::Reject)?;
        }
        let mut slot = self.0.borrow_mut();
        let Some(processor) = slot.as_mut() else {
            return Err(bindings::Failure::Reject("the processor was not configured".to_owned()));
        };
        let lent = Message::new(&message.id, &message.kind, &message.key, &message.headers, &message.body);
        let outcome = processor.process(&lent, &mut Host::default())?;
        let (verdict, body, headers) = outcome.into_parts(&message.headers);
        Ok(bindings::Outcome { verdict: verdict.into(), body, headers })
    }
}

/// A panic ends the instance and says nothing by itself: its sentence and place go to the log first.
fn explain_panics() {
    panic::set_hook(Box::new(|panic| log::write(log::Level::Error, &panic.to_string())));
}

impl From<Failure> for bindings::Failure {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Retry(reason) => Self::Retry(reason),
            Failure::Reject(reason) => Self::Reject(reason),
        }
    }
}

impl From<Verdict> for bindings::catena::processor::types::Verdict {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Next => Self::Next,
            Verdict::Term(reason) => Self::Term(reason),
            Verdict::Jump(step) => Self::Jump(step),
        }
    }
}

/// The host functions behind [`Host`].
#[derive(Debug, Default)]
pub struct Imports;

#[expect(
    clippy::unused_self,
    clippy::needless_pass_by_ref_mut,
    reason = "the same shape as `testing::Memory`"
)]
impl Imports {
    pub(crate) fn log(&mut self, level: Level, text: &str) {
        let level = match level {
            Level::Debug => log::Level::Debug,
            Level::Info => log::Level::Info,
            Level::Warn => log::Level::Warn,
            Level::Error => log::Level::Error,
        };
        log::write(level, text);
    }

    pub(crate) fn now_ms(&self) -> u64 {
        clock::now_ms()
    }

    pub(crate) fn random_u64(&mut self) -> u64 {
        random::next_u64()
    }

    pub(crate) fn state(&self, name: &str) -> Option<Vec<u8>> {
        state::get(name)
    }

    pub(crate) fn set_state(&mut self, name: &str, value: &[u8]) {
        state::set(name, value);
    }

    pub(crate) fn remove_state(&mut self, name: &str) {
        state::remove(name);
    }

    pub(crate) fn emit(&mut self, output: &str, emission: &Emission) -> Result<(), String> {
        outputs::emit(output, &emission.kind, &emission.key, &emission.body)
    }
}
