//! How many messages one call takes.
//!
//! A call has the deadline of one message, so a batch must take far less: a processor that needs milliseconds for each
//! gets few at once. Where a batch was too much (time, memory, bytes to hand over) the next ones are half as long, and
//! they grow back while calls stay short.

use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use model::Task;

/// Messages in one call.
pub(super) const BATCH_MAX: usize = 64;
/// Bytes in one call, unless one message has more: they are copied into the guest's memory.
const BATCH_BYTES_MAX: usize = 256 << 10;
/// A call that takes a larger part of its deadline than this was too long.
const SHARE: u32 = 4;
/// Calls before batches grow again after one that failed by its size: each such failure costs an instance.
const QUIET_CALLS: usize = 1_000;

/// Learns from the calls of one step.
pub(super) struct Pace {
    messages: AtomicUsize,
    quiet: AtomicUsize,
}

impl Default for Pace {
    fn default() -> Self {
        Self { messages: AtomicUsize::new(BATCH_MAX), quiet: AtomicUsize::new(0) }
    }
}

impl Pace {
    /// How many of the tasks the next call takes: at least one.
    pub(super) fn next(&self, tasks: &[Task<'_>]) -> usize {
        let mut bytes = 0;
        let fit = tasks.iter().take_while(|task| {
            bytes += task.draft.size_bytes();
            bytes <= BATCH_BYTES_MAX
        });
        fit.take(self.messages.load(Relaxed)).count().max(1)
    }

    /// A call for so many messages went well and took so long.
    pub(super) fn went(&self, count: usize, took: Duration, deadline: Duration) {
        let now = self.messages.load(Relaxed);
        if count > 1 && took * SHARE > deadline {
            self.messages.store((now / 2).max(1), Relaxed);
        } else if now < BATCH_MAX && count >= now && took * SHARE * 2 <= deadline {
            match self.quiet.load(Relaxed) {
                0 => self.messages.store((now * 2).min(BATCH_MAX), Relaxed),
                quiet => self.quiet.store(quiet - 1, Relaxed),
            }
        }
    }

    /// A call for so many messages failed, and none of them alone.
    pub(super) fn was_too_much(&self, count: usize) {
        self.messages.store((count / 2).max(1), Relaxed);
        self.quiet.store(QUIET_CALLS, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use model::{Call, Draft, Message, NoState, Scope};

    use super::*;

    fn next(pace: &Pace, bodies: &[usize]) -> usize {
        let message = |bytes: &usize| Message { body: vec![0; *bytes].into(), ..Message::default() };
        let mut drafts: Vec<Draft> = bodies.iter().map(|bytes| message(bytes).into()).collect();
        let mut calls: Vec<Call> =
            bodies.iter().map(|_| Call::new(0, 0, Scope::new(std::sync::Arc::new(NoState)))).collect();
        let tasks: Vec<Task<'_>> =
            drafts.iter_mut().zip(&mut calls).map(|(draft, call)| Task { draft, call }).collect();
        pace.next(&tasks)
    }

    #[test]
    fn a_batch_is_bounded_in_messages_and_bytes_and_holds_one_at_least() {
        let pace = Pace::default();
        assert_eq!(next(&pace, &[10; 100]), BATCH_MAX);
        assert_eq!(next(&pace, &[10; 3]), 3);
        assert_eq!(next(&pace, &[100 << 10; 5]), 2);
        assert_eq!(next(&pace, &[BATCH_BYTES_MAX + 1, 1]), 1);
    }

    #[test]
    fn slow_calls_shorten_batches_down_to_one_and_quick_ones_lengthen_them_again() {
        let (pace, deadline) = (Pace::default(), Duration::from_millis(20));
        for _ in 0..10 {
            pace.went(2, Duration::from_millis(6), deadline);
        }
        assert_eq!(next(&pace, &[1; 100]), 1);
        // Neither short nor long: as it is.
        pace.went(1, Duration::from_millis(4), deadline);
        assert_eq!(next(&pace, &[1; 100]), 1);
        pace.went(1, Duration::from_millis(1), deadline);
        pace.went(1, Duration::from_millis(1), deadline);
        assert_eq!(next(&pace, &[1; 100]), 2, "one message says nothing of two");
        for count in [2, 4, 8, 16, 32] {
            pace.went(count, Duration::from_millis(1), deadline);
        }
        assert_eq!(next(&pace, &[1; 100]), BATCH_MAX);
    }

    #[test]
    fn after_a_batch_that_was_too_much_they_stay_short_for_long() {
        let (pace, deadline) = (Pace::default(), Duration::from_millis(20));
        pace.was_too_much(64);
        for _ in 0..QUIET_CALLS {
            pace.went(32, Duration::ZERO, deadline);
            assert_eq!(next(&pace, &[1; 100]), 32);
        }
        pace.went(32, Duration::ZERO, deadline);
        assert_eq!(next(&pace, &[1; 100]), BATCH_MAX);
    }
}
