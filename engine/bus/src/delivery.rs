use std::time::Duration;

use model::Message;

/// A message as a partition holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its place in the partition, from 1.
    pub sequence: u64,
    /// When the bus accepted it, milliseconds since 1970.
    pub accepted_at_ms: u64,
    /// The message.
    pub message: Message,
}

/// How a delivery ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// Done: never again.
    Ack,
    /// Again, not before the delay has passed.
    Retry(Duration),
}

/// What an implementation puts into a delivery to hear how it ended. Called exactly once.
pub trait Settler: Send {
    /// Takes note of the end; does not wait.
    fn settle(self: Box<Self>, settlement: Settlement);
}

/// The right to settle one delivery, once. Dropping it is a retry without a delay.
#[must_use = "a delivery that is not settled is delivered again"]
pub struct Settle(Option<Box<dyn Settler>>);

impl Settle {
    /// Wraps an implementation's settler.
    pub fn new(settler: Box<dyn Settler>) -> Self {
        Self(Some(settler))
    }

    /// Done.
    pub fn ack(mut self) {
        self.settle(Settlement::Ack);
    }

    /// Again, after `delay`.
    pub fn retry(mut self, delay: Duration) {
        self.settle(Settlement::Retry(delay));
    }

    fn settle(&mut self, settlement: Settlement) {
        if let Some(settler) = self.0.take() {
            settler.settle(settlement);
        }
    }
}

impl Drop for Settle {
    fn drop(&mut self) {
        self.settle(Settlement::Retry(Duration::ZERO));
    }
}

/// A message received and not yet settled.
pub struct Delivery {
    /// The message and its place.
    pub stored: Stored,
    /// Which delivery of it this is, from 1.
    pub attempt: u32,
    /// Ends it.
    pub settle: Settle,
}
