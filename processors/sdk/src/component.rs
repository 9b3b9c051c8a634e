//! The wasm side: bindings generated from `wit/`, and the way between them and the SDK's types.
//!
//! The only place that knows how messages cross: many at once. A processor sees one at a time.

mod batch;
mod turn;

use std::{cell::RefCell, panic};

use crate::{Emission, Failure, Level, Processor, message::Read, processor::build};

use bindings::catena::processor::{clock, log, outputs, random, settings, state};

/// What `wit-bindgen` generates for the world `batch-processor`.
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic, clippy::indexing_slicing)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "batch-processor",
        pub_export_macro: true,
        export_macro_name: "__export_component",
    });
}

/// Where an instance keeps its processor between calls.
#[derive(Debug)]
pub struct Slot<P>(RefCell<Option<Ready<P>>>);

/// A processor, and what it reads: `None` is the whole body.
#[derive(Debug)]
struct Ready<P> {
    processor: P,
    reads: Option<Vec<Read>>,
}

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
        let processor: P = build(&settings::get())?;
        let reads = Read::all(&processor.reads())?;
        *self.0.borrow_mut() = Some(Ready { processor, reads });
        Ok(())
    }

    /// What the processor reads.
    pub fn reads(&self) -> Vec<String> {
        let slot = self.0.borrow();
        let reads = slot.as_ref().and_then(|ready| ready.reads.as_ref());
        reads.map_or_else(|| vec![String::new()], |reads| reads.iter().map(|r| r.pointer.clone()).collect())
    }

    /// Runs the processor on every message of a batch. A host that does not call `configure` gets it built now.
    pub fn process_batch(&self, messages: &bindings::Messages) -> bindings::Answers {
        let built = if self.0.borrow().is_none() { self.configure() } else { Ok(()) };
        match (built, &mut *self.0.borrow_mut()) {
            (Ok(()), Some(Ready { processor, reads })) => {
                let reads = reads.as_deref().unwrap_or_default();
                batch::answer(messages, reads, |message, host| processor.process(message, host))
            }
            (built, _) => {
                let why = built.err().unwrap_or_else(|| "the processor was not configured".to_owned());
                batch::answer(messages, &[], |_, _| Err(Failure::Reject(why.clone())))
            }
        }
    }
}

/// A panic ends the instance and says nothing by itself: its sentence and place go to the log first.
fn explain_panics() {
    panic::set_hook(Box::new(|panic| Imports.log(Level::Error, &panic.to_string())));
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
        turn::take();
        let level = match level {
            Level::Debug => log::Level::Debug,
            Level::Info => log::Level::Info,
            Level::Warn => log::Level::Warn,
            Level::Error => log::Level::Error,
        };
        log::write(level, text);
    }

    pub(crate) fn now_ms(&self) -> u64 {
        turn::take();
        clock::now_ms()
    }

    pub(crate) fn random_u64(&mut self) -> u64 {
        turn::take();
        random::next_u64()
    }

    pub(crate) fn state(&self, name: &str) -> Option<Vec<u8>> {
        turn::take();
        state::get(name)
    }

    pub(crate) fn set_state(&mut self, name: &str, value: &[u8]) {
        turn::take();
        state::set(name, value);
    }

    pub(crate) fn remove_state(&mut self, name: &str) {
        turn::take();
        state::remove(name);
    }

    pub(crate) fn emit(&mut self, output: &str, emission: &Emission) -> Result<(), String> {
        turn::take();
        outputs::emit(output, &emission.kind, &emission.key, &emission.body)
    }
}
