//! `cargo xtask test`: the bundles, then every test of the workspace.

use anyhow::Result;
use clap::Args;

use crate::{
    bundles,
    phase::phase,
    tool::{cargo, run},
};

/// Builds the bundles and runs every test.
#[derive(Args)]
pub(crate) struct Test {
    /// Handed to `cargo test`: names of tests, or `-- --nocapture`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

impl Test {
    pub(crate) fn execute(self) -> Result<()> {
        all(&self.rest)
    }
}

/// Builds the bundles and runs the workspace's tests, `rest` handed on to Cargo.
pub(crate) fn all(rest: &[String]) -> Result<()> {
    bundles::ensure()?;
    phase("build the tests", || run(&mut cargo(["test", "--workspace", "--no-run", "--quiet"])))?;
    phase("run the tests", || run(cargo(["test", "--workspace", "--quiet"]).args(rest)))
}
