//! What may lie at the top of the repository.

use std::{collections::BTreeSet, path::Path};

use super::{Finding, Tracked};

const ALLOWED: &[&str] = &[
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "chains",
    "clippy.toml",
    "deny.toml",
    "docs",
    "engine",
    "processors",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "tools",
    "wit",
];

pub(super) fn check(tracked: &[Tracked]) -> Vec<Finding> {
    let names: BTreeSet<_> = tracked
        .iter()
        .filter_map(|file| file.path.components().next())
        .map(|first| first.as_os_str().to_string_lossy())
        .collect();
    names
        .iter()
        .filter(|name| !name.starts_with('.') && !ALLOWED.contains(&name.as_ref()))
        .map(|name| Finding::new(Path::new(name.as_ref()), None, "does not belong at the top level"))
        .collect()
}
