//! `cargo xtask bench`: the benchmarks, optimised, each beside its floor.

use anyhow::Result;
use clap::Args;

use crate::{
    bundles, nats,
    phase::phase,
    tool::{cargo, command, run, target},
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
        let server = nats::ensure()?;
        // The whole workspace's features, as every other build has them: one set of artifacts for all.
        let build = ["build", "--release", "--workspace", "--bin", "catena-bench", "--bin", "catena"];
        phase("build the benchmarks, optimised", || run(&mut cargo(build)))?;
        let bench = target().join("release").join(format!("catena-bench{}", std::env::consts::EXE_SUFFIX));
        phase("run the benchmarks", || {
            run(nats::hand_over(server.as_deref(), command(bench).args(&self.rest)))
        })
    }
}
