use std::{path::Path, process::Command};

/// The last commit that touched `folder`, with `-dirty` where it was changed since; nothing outside of Git.
///
/// The last commit *there*, not the newest of all: the same source gives the same bundle.
pub(super) fn of(folder: &Path) -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(folder).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["log", "-1", "--format=%H", "--", "."]).filter(|commit| !commit.is_empty())?;
    let changed = git(&["status", "--porcelain", "--", "."])?;
    Some(if changed.is_empty() { commit } else { format!("{commit}-dirty") })
}
