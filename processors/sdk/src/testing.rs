//! Runs a processor natively, as the engine would: for plain `cargo test`.
//!
//! State lives in memory, per message key; a failed call leaves nothing behind; the clock stands still until
//! it is advanced; random bits repeat per message.

mod memory;
mod sample;
#[cfg(test)]
mod tests;

pub use memory::{Emitted, Memory};
pub use sample::Sample;
/// For bodies and settings.
pub use serde_json::{Value, json};

use serde::Serialize;

use crate::{
    Failure, Host, Level, Processor, Verdict,
    message::{Payload, Read},
    outcome::Parts,
    processor::build,
};

/// One instance of a processor, and the engine around it.
#[derive(Debug)]
pub struct Harness<P> {
    processor: P,
    reads: Option<Vec<Read>>,
    host: Host,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Where it goes.
    pub verdict: Verdict,
    /// The message as the next step would get it.
    pub message: Sample,
    /// What was emitted beside it, oldest first.
    pub emitted: Vec<Emitted>,
    /// Whether the processor wrote a new body or edited it.
    pub body_changed: bool,
}

impl<P: Processor> Harness<P> {
    /// Configures a processor.
    ///
    /// # Errors
    /// The sentence that an operator would read.
    pub fn new(settings: impl Serialize) -> Result<Self, String> {
        let settings = serde_json::to_string(&settings).map_err(|error| error.to_string())?;
        let processor: P = build(&settings)?;
        let reads = Read::all(&processor.reads())?;
        Ok(Self { processor, reads, host: Host::default() })
    }

    /// Hands the processor one message. State it writes is there for the next.
    ///
    /// # Errors
    /// The processor's own failure; and the engine's, where it sets fields of a body that is no JSON object.
    ///
    /// # Panics
    /// Where the processor breaks a rule that the engine enforces: state larger than allowed.
    pub fn run(&mut self, sample: &Sample) -> Result<Seen, Failure> {
        self.host.backend.begin(&sample.id, &sample.key);
        let headers = sample.headers();
        let values = self.reads.as_ref().and_then(|reads| sample.values(reads));
        let payload = match (&self.reads, &values) {
            (Some(reads), Some(values)) => Payload::Fields { size: sample.body.len(), reads, values },
            _ => Payload::Whole(&sample.body),
        };
        let message = sample.lend(&headers, payload);
        let result = self.processor.process(&message, &mut self.host);
        let emitted = self.host.backend.end(result.is_ok());
        let Parts { verdict, body, headers: new_headers, edits } = result?.into_parts(message.headers());
        let body_changed = body.is_some() || !edits.is_empty();
        let mut message = sample.clone();
        message.body = body.unwrap_or(message.body);
        message.headers = new_headers.unwrap_or(message.headers);
        message.edit(edits)?;
        Ok(Seen { verdict, message, emitted, body_changed })
    }

    /// Lets time pass between messages.
    pub fn advance_ms(&mut self, ms: u64) {
        self.host.backend.now_ms += ms;
    }

    /// What the last message logged, failed or not.
    #[must_use]
    pub fn logs(&self) -> &[(Level, String)] {
        &self.host.backend.logs
    }

    /// What is kept under `name` for messages of `key`.
    #[must_use]
    pub fn state(&self, key: &str, name: &str) -> Option<&[u8]> {
        self.host.backend.committed(key, name)
    }
}
