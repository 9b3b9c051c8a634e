//! How many messages a lane takes at a time.
//!
//! A batch costs something by itself: a sync for what it publishes, an append to the changelog, a commit. The more
//! messages share that the better, as long as they are quick; where they are slow a batch stays small, since it is what a
//! swap, a retry that is due and the other lanes wait for.

use std::time::Duration;

/// Where a lane begins, and what slow messages come back to.
const FIRST: usize = 256;
/// A batch that took longer is too large.
const LONG: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(super) struct Pace {
    messages: usize,
    messages_max: usize,
}

impl Pace {
    pub(super) fn new(messages_max: usize) -> Self {
        let messages_max = messages_max.max(1);
        Self { messages: FIRST.min(messages_max), messages_max }
    }

    /// How many messages the next batch has at most.
    pub(super) fn messages(&self) -> usize {
        self.messages
    }

    /// Learns from a batch of so many `messages` that ran for `time`.
    pub(super) fn learn(&mut self, messages: usize, time: Duration) {
        if time > LONG {
            self.messages = (self.messages / 2).max(FIRST).min(self.messages_max);
        } else if messages >= self.messages && time <= LONG / 2 {
            self.messages = (self.messages * 2).min(self.messages_max);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_grow_while_they_are_full_and_quick_and_shrink_when_they_are_slow() {
        let mut pace = Pace::new(1_000);
        let mut learned = |messages, time| {
            pace.learn(messages, time);
            pace.messages()
        };
        assert_eq!(learned(255, LONG / 4), 256, "it was not full");
        assert_eq!(learned(256, LONG / 4), 512);
        assert_eq!(learned(512, LONG), 512, "twice as many would take too long");
        assert_eq!(learned(512, LONG / 2), 1_000);
        assert_eq!(learned(1_000, LONG * 2), 500);
        assert_eq!(learned(500, LONG * 2), 256);
        assert_eq!(learned(256, LONG * 2), 256);
        assert_eq!(Pace::new(4).messages(), 4);
    }
}
