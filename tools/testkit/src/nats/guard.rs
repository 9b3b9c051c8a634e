//! Nothing outlives the test, even one that is killed.

use std::process::Stdio;

use anyhow::{Context, Result};
use tokio::process::{Child, Command};

/// A shell that waits for this process to end, however it ends, and then kills the server: the end of this process
/// closes the pipe it reads from. Destructors do not run in a process that is killed, nor for statics.
///
/// To be dropped before the server is reaped, so that the id cannot be another's by then.
pub(super) struct Guard {
    _shell: Child,
}

impl Guard {
    /// Watches over the process of this id.
    ///
    /// # Errors
    /// There is no `sh`.
    pub(super) fn over(id: u32) -> Result<Self> {
        let shell = Command::new("sh")
            .args(["-c", "read -r _; kill -KILL \"$1\"", "guard", &id.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("failed to start `sh` to watch over the server")?;
        Ok(Self { _shell: shell })
    }
}
