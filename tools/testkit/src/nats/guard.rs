//! Nothing outlives the test, even one that is killed.

use std::{path::Path, process::Stdio};

use anyhow::{Context, Result};
use tokio::process::{Child, Command};

/// Waits for the end of what is written to it, which never is anything, kills the server and removes its folder; more than once, since
/// a server that dies may still write.
const WATCH: &str =
    r#"read -r _; kill -KILL "$1"; for _ in 1 2 3 4 5; do rm -rf "$2" && exit; sleep 0.2; done"#;

/// A shell that waits for this process to end, however it ends, and then kills the server and removes what it kept: the end of this
/// process closes the pipe it reads from. Destructors do not run in a process that is killed, nor for statics.
///
/// To be dropped before the server is reaped, so that the id cannot be another's by then.
pub(super) struct Guard {
    _shell: Child,
}

impl Guard {
    /// Watches over the process of this id, which keeps its files in `folder`.
    ///
    /// # Errors
    /// There is no `sh`.
    pub(super) fn over(id: u32, folder: &Path) -> Result<Self> {
        let shell = Command::new("sh")
            .args(["-c", WATCH, "guard", &id.to_string()])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("failed to start `sh` to watch over the server")?;
        Ok(Self { _shell: shell })
    }
}
