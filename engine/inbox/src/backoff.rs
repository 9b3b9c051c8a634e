use std::time::Duration;

use tokio_util::sync::CancellationToken;

const FIRST: Duration = Duration::from_millis(50);

/// Longer and longer pauses, up to a longest one.
pub(crate) struct Backoff {
    next: Duration,
    longest: Duration,
}

impl Default for Backoff {
    /// For failures that may pass.
    fn default() -> Self {
        Self::up_to(Duration::from_secs(5))
    }
}

impl Backoff {
    pub(crate) fn up_to(longest: Duration) -> Self {
        Self { next: FIRST, longest }
    }

    /// How long the next one is.
    pub(crate) fn next(&self) -> Duration {
        self.next
    }

    /// Pauses. False when cancelled meanwhile.
    pub(crate) async fn pause(&mut self, cancel: &CancellationToken) -> bool {
        let pause = self.next;
        self.next = self.longest.min(pause * 2);
        tokio::select! {
            biased;
            () = cancel.cancelled() => false,
            () = tokio::time::sleep(pause) => true,
        }
    }
}
