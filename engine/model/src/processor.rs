use crate::{Answers, Draft, Emission, Fault, Message, Outcome, Scope};

/// The code one step runs.
///
/// Contract:
/// - A call blocks the thread for at most the step's deadline for each message, and once more where those of a batch
///   have to be called again one by one; callers keep it off async workers.
/// - It is a function of the message, the step's settings, the state it reads and the
///   [`Call`]: no clock or random source of its own, so that a redelivery does the same again.
/// - On `Err` for a message everything put into its `Call` by this invocation is discarded by the caller.
/// - Any number of threads may call it at once.
pub trait Processor: Send + Sync {
    /// Works on one message.
    ///
    /// # Errors
    /// [`Fault`]: the processor refused, trapped, or the host could not serve it.
    fn process(&self, message: &Message, call: &mut Call) -> Result<Outcome, Fault>;

    /// Works on several messages, each as [`process`](Self::process) would: one answer a task, in their order, is added to
    /// `answers`, and a fault of one is no other's. A processor that keeps state is not given two messages of one key, so in
    /// which order it looks at them is nobody's business. What can be done for all together is cheaper than one by one.
    fn process_batch(&self, tasks: &mut [Task<'_>], answers: &mut Answers) {
        for task in tasks {
            answers.push(self.process(task.draft.message(), task.call));
        }
    }
}

/// One message to work on, and what surrounds it.
pub struct Task<'a> {
    /// The message. Processors look at it; what they change they answer.
    pub draft: &'a mut Draft,
    /// What surrounds it.
    pub call: &'a mut Call,
}

/// What surrounds one invocation: what the processor may know, and what it leaves behind beside
/// its outcome. Owned and reused, so that a runtime can move it into an instance and back without
/// allocating.
pub struct Call {
    /// When the bus accepted the message, milliseconds since 1970: the processor's clock.
    pub accepted_at_ms: u64,
    /// Seeds the processor's random source: the same for every attempt at one message and step.
    pub seed: u64,
    /// Attempts so far at this message, from 1.
    pub attempt: u32,
    /// Keyed state.
    pub state: Scope,
    /// What the message's steps emitted, oldest first.
    pub emissions: Vec<Emission>,
}

impl Call {
    /// A first attempt with nothing emitted.
    #[must_use]
    pub fn new(accepted_at_ms: u64, seed: u64, state: Scope) -> Self {
        Self { accepted_at_ms, seed, attempt: 1, state, emissions: Vec::new() }
    }
}
