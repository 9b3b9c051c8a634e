//! Waiting for servers that are not done yet. In a cluster a stream has nobody to answer for it from when it is made, by
//! whichever process, until its copies are placed and have chosen who leads; and JetStream itself has not, while its servers
//! come up. Whoever starts just then waits for a while, and says for what.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::{Connection, api::Trouble};

/// How long the first question waits for its answer. Who comes to lead a stream a moment later has not seen it, and never
/// answers it. Each further one waits twice as long as the one before: servers may be slow, and asking them more often does
/// not help.
const FIRST_AT_MOST: Duration = Duration::from_secs(1);
/// Between two questions.
const PAUSE: Duration = Duration::from_millis(100);
/// Between two lines in the log.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// Asks until somebody answers, for `at_most` and as long as a server is `there`. Each question is told how long it may wait.
///
/// # Errors
/// The last answer, with what was waited for where it is that there was none.
pub(crate) async fn patiently<T, F: Future<Output = Result<T, Trouble>>>(
    at_most: Duration,
    what: &str,
    there: impl Fn() -> bool,
    mut ask: impl FnMut(Duration) -> F,
) -> Result<T, Trouble> {
    let began = Instant::now();
    // Most changes of leaders are over by then.
    let mut tell = began + FIRST_AT_MOST;
    let mut one_at_most = FIRST_AT_MOST;
    loop {
        let why = match ask(one_at_most).await {
            Err(Trouble::Away(why)) if there() => why,
            answer => return answer,
        };
        if began.elapsed() >= at_most {
            return Err(Trouble::Away(format!(
                "waited {at_most:?} for the NATS servers to agree who leads `{what}`, and at last: {why}; look whether a majority \
                 of them is up (`nats server report jetstream`)"
            )));
        }
        if Instant::now() >= tell {
            tell = Instant::now() + TELL_EVERY;
            tracing::warn!(what, why, ?at_most, "waiting for the NATS servers to agree who leads it");
        }
        one_at_most = (one_at_most * 2).min(at_most.max(FIRST_AT_MOST));
        sleep(PAUSE).await;
    }
}

impl Connection {
    /// Asks about `what` until somebody answers, for `at_most`.
    pub(crate) async fn patiently<T, F: Future<Output = Result<T, Trouble>>>(
        &self,
        at_most: Duration,
        what: &str,
        ask: impl FnMut(Duration) -> F,
    ) -> Result<T, Trouble> {
        patiently(at_most, what, || self.connected(), ask).await
    }
}
