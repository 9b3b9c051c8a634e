//! Where the bundles of `cargo xtask bundles` lie, and further versions of them.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

/// The root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new(".")).to_owned()
}

/// The folder Cargo builds into.
#[must_use]
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// The samples' bundles.
///
/// # Errors
/// They were not built; the message says how.
pub fn samples() -> Result<PathBuf> {
    let folder = target().join("bundles");
    if !folder.is_dir() {
        bail!("there are no bundles in `{}`: run `cargo xtask bundles`", folder.display());
    }
    Ok(folder)
}

/// The bundles of the guests that misbehave.
///
/// # Errors
/// As [`samples`].
pub fn guests() -> Result<PathBuf> {
    Ok(samples()?.join("guests"))
}

/// Copies the files of `from`, not its folders, into a new folder `to`.
///
/// # Errors
/// What the file system said.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for file in std::fs::read_dir(from).with_context(|| format!("failed to list `{}`", from.display()))? {
        let file = file?;
        if file.file_type()?.is_file() {
            std::fs::copy(file.path(), to.join(file.file_name()))?;
        }
    }
    Ok(())
}

/// Builds the processor in `folder` (`processors/enrich`) under another version than its manifest's: the same
/// code, other bytes. The bundle lies in `to`.
///
/// # Errors
/// The `catena` command refused.
pub fn release_as(catena: &Path, folder: &str, version: &str, to: &Path) -> Result<()> {
    let output = Command::new(catena)
        .current_dir(root())
        .args(["build", "--quiet", "--profile", "guest", "--release-as", version, "--out"])
        .arg(to)
        .arg(folder)
        .output()
        .with_context(|| format!("failed to start `{}`", catena.display()))?;
    if !output.status.success() {
        bail!("catena build: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
