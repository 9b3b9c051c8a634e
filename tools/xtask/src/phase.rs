//! One line when a phase starts, one with its time when it ends.

use std::time::Instant;

use anyhow::{Context, Result};

/// Runs `work` as the phase called `what`.
///
/// # Errors
/// What `work` failed with, under the name of the phase.
pub(crate) fn phase<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    eprintln!("xtask: {what} …");
    let began = Instant::now();
    let done = work().with_context(|| format!("failed: {what}"));
    let seconds = began.elapsed().as_secs_f64();
    eprintln!("xtask: {what}: {} ({seconds:.1} s)", if done.is_ok() { "done" } else { "FAILED" });
    done
}

/// Says that something was left out, so that nobody takes silence for success.
pub(crate) fn skipped(what: &str, why: &str) {
    eprintln!("xtask: {what}: SKIPPED: {why}");
}
