//! `cargo xtask test`: the bundles and a nats-server, then every test of the workspace.

use anyhow::Result;
use clap::Args;

use crate::{
    bundles,
    nats::{self, Skips},
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

/// Builds the bundles, looks for a `nats-server` and runs the workspace's tests, `rest` handed on to Cargo.
pub(crate) fn all(rest: &[String]) -> Result<()> {
    bundles::ensure()?;
    let server = nats::ensure()?;
    phase("build the tests", || run(&mut cargo(["test", "--workspace", "--no-run", "--quiet"])))?;
    let skips = Skips::new()?;
    let done = phase("run the tests", || {
        let mut tests = cargo(["test", "--workspace", "--quiet"]);
        nats::hand_over(server.as_deref(), &mut tests);
        run(skips.hand_over(&mut tests).args(rest))
    });
    skips.report();
    done
}
