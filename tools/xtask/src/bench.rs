//! `cargo xtask bench`: the benchmarks, optimised, each beside its floor.

use anyhow::Result;
use clap::Args;

use crate::{
    bundles,
    phase::phase,
    tool::{cargo, run},
};

/// Runs the benchmarks of tools/bench in the release profile.
#[derive(Args)]
pub(crate) struct Bench {
    /// Handed to the benchmark program; `--help` lists what it takes.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

impl Bench {
    pub(crate) fn execute(self) -> Result<()> {
        bundles::ensure()?;
        let release = ["build", "--release", "--package", "catena-bench", "--package", "catena-cli"];
        phase("build the benchmarks, optimised", || run(&mut cargo(release)))?;
        phase("run the benchmarks", || {
            run(cargo(["run", "--quiet", "--release", "--package", "catena-bench", "--"]).args(&self.rest))
        })
    }
}
