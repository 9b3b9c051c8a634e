use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// First and longest pause after a failure that may pass.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// Longer and longer pauses.
pub(crate) struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self(PAUSE.0)
    }
}

impl Backoff {
    /// How long the next one is.
    pub(crate) fn next(&self) -> Duration {
        self.0
    }

    /// Pauses. False when cancelled meanwhile.
    pub(crate) async fn pause(&mut self, cancel: &CancellationToken) -> bool {
        let pause = self.0;
        self.0 = PAUSE.1.min(pause * 2);
        self.pause_for(pause, cancel).await
    }

    /// Pauses that long, without growing.
    pub(crate) async fn pause_for(&self, pause: Duration, cancel: &CancellationToken) -> bool {
        tokio::select! {
            biased;
            () = cancel.cancelled() => false,
            () = tokio::time::sleep(pause) => true,
        }
    }
}
