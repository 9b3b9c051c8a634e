//! Signals to child processes.

use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, WaitId, WaitIdOptions, kill_process, waitid};

pub(crate) use rustix::process::Signal;

use crate::wait;

/// How long a process may take to stand still once it was told to.
const STILL_AT_MOST: Duration = Duration::from_secs(30);

/// Sends `signal` to the child of this id; `who` is told of when it does not run.
///
/// # Errors
/// It does not run.
pub(crate) fn send(who: &str, id: Option<u32>, signal: Signal) -> Result<()> {
    let id = pid(id).with_context(|| format!("{who} is not running"))?;
    kill_process(id, signal).with_context(|| format!("failed to signal {who} ({signal:?})"))
}

/// SIGSTOP, and waits until the child stands still: connections stay open, and nothing is answered. SIGCONT ends it.
///
/// # Errors
/// It does not run.
pub(crate) async fn pause(who: &str, id: Option<u32>) -> Result<()> {
    send(who, id, Signal::STOP)?;
    // Its threads run on for a moment after the signal is sent.
    wait::until(&format!("{who} stands still"), STILL_AT_MOST, async || {
        let stopped = waitid(WaitId::Pid(pid(id)?), WaitIdOptions::STOPPED | WaitIdOptions::NOHANG);
        stopped.ok().flatten().map(drop)
    })
    .await
}

fn pid(id: Option<u32>) -> Option<Pid> {
    id.and_then(|id| Pid::from_raw(id.cast_signed()))
}
