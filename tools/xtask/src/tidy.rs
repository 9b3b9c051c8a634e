//! `cargo xtask tidy`: what no compiler checks — layers, the shape of folders and files, links.

mod files;
mod layers;
mod links;
mod manifests;
mod top_level;

use std::{fmt, path::PathBuf};

use anyhow::{Result, bail};
use clap::Args;

use crate::tool::{command, output, root};

/// Checks layers, folders, file lengths, manifests and links.
#[derive(Args)]
pub(crate) struct Tidy {}

impl Tidy {
    pub(crate) fn execute(self) -> Result<()> {
        check()
    }
}

/// Something out of order.
struct Finding {
    path: PathBuf,
    line: Option<usize>,
    what: String,
}

impl Finding {
    fn new(path: impl Into<PathBuf>, line: impl Into<Option<usize>>, what: impl Into<String>) -> Self {
        Self { path: path.into(), line: line.into(), what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.what)
    }
}

/// One file that is, or is about to be, part of the project.
struct Tracked {
    /// Relative to the root.
    path: PathBuf,
    /// `None` when it is not UTF-8.
    text: Option<String>,
}

impl Tracked {
    fn is(&self, extension: &str) -> bool {
        self.path.extension().is_some_and(|e| e == extension)
    }
}

/// Runs every check and shows all that was found.
///
/// # Errors
/// At least one finding.
pub(crate) fn check() -> Result<()> {
    let tracked = tracked()?;
    let mut findings = layers::check()?;
    findings.extend(top_level::check(&tracked));
    findings.extend(files::check(&tracked));
    findings.extend(manifests::check(&tracked));
    findings.extend(links::check(&tracked));
    for finding in &findings {
        eprintln!("tidy: {finding}");
    }
    if !findings.is_empty() {
        bail!("{} things out of order", findings.len());
    }
    Ok(())
}

/// The files Git knows or would add; in a copy without Git there is nothing to compare with.
fn tracked() -> Result<Vec<Tracked>> {
    let list = output(command("git").args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]))?;
    let mut tracked = Vec::new();
    for path in list.split('\0').filter(|path| !path.is_empty()).map(PathBuf::from) {
        // A file removed and not yet staged is listed but gone.
        if let Ok(bytes) = std::fs::read(root().join(&path)) {
            tracked.push(Tracked { path, text: String::from_utf8(bytes).ok() });
        }
    }
    Ok(tracked)
}
