//! `cargo xtask ci`: all a change must pass, in the order that fails soonest.

use anyhow::Result;
use clap::Args;

use crate::{
    phase::{phase, skipped},
    test, tidy,
    tool::{cargo, run, works},
};

/// Runs every check: format, lock file, tidy, licences and advisories, clippy, tests.
#[derive(Args)]
pub(crate) struct Ci {}

impl Ci {
    pub(crate) fn execute(self) -> Result<()> {
        phase("format", || run(&mut cargo(["fmt", "--all", "--check"])))?;
        phase("lock file is current", || {
            crate::tool::output(&mut cargo(["metadata", "--locked", "--format-version", "1"])).map(drop)
        })?;
        phase("tidy", tidy::check)?;
        if works(&mut cargo(["deny", "--version"])) {
            phase("licences, sources, advisories", || run(&mut cargo(["deny", "--all-features", "check"])))?;
        } else {
            skipped(
                "licences, sources, advisories",
                "cargo-deny is not installed: `cargo install --locked cargo-deny`",
            );
        }
        phase("clippy", || {
            run(&mut cargo(["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]))
        })?;
        test::all(&[])
    }
}
