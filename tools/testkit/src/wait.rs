//! Waiting with an end.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(15);

/// Looks until `look` answers something, for at most `at_most`.
///
/// # Errors
/// Nothing was answered in time; the message says what was waited for.
pub async fn until<T, F, Fut>(what: &str, at_most: Duration, mut look: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let began = Instant::now();
    loop {
        if let Some(seen) = look().await {
            return Ok(seen);
        }
        if began.elapsed() > at_most {
            bail!("waited {:.1} s in vain: {what}", at_most.as_secs_f64());
        }
        tokio::time::sleep(PAUSE).await;
    }
}
