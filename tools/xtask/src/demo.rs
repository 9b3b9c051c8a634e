//! `cargo xtask demo`: everything built, then the demonstration of `catena-testkit`.

use anyhow::Result;
use clap::Args;

use crate::{
    bundles, nats,
    phase::phase,
    tool::{built, cargo, command, run},
};

/// Builds everything and shows it: posts under load, live swaps, receipts, and what an outside count says.
#[derive(Args)]
pub(crate) struct Demo {
    /// Handed to the demonstration; `--help` lists what it takes.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

impl Demo {
    pub(crate) fn execute(self) -> Result<()> {
        bundles::ensure()?;
        phase("build the demonstration", || run(&mut cargo(["build", "--workspace", "--bin", "demo"])))?;
        let mut demo = command(built("demo"));
        if self.rest.iter().any(|argument| argument == "--nats") {
            nats::hand_over(nats::ensure()?.as_deref(), &mut demo);
        }
        run(demo.args(&self.rest))
    }
}
