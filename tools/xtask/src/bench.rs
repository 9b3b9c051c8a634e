//! `cargo xtask bench`: the benchmarks, optimised, each beside its floor.

mod flame;
mod peers;

use anyhow::Result;
use clap::Args;

use crate::{
    bundles, nats,
    phase::phase,
    tool::{cargo, command, run, target},
};

/// Runs the benchmarks of tools/bench in the release profile.
///
/// `chain`, `instructions`, `peers`, `bus`, `feed`, `swap`, `tiers` or `all`; `cargo xtask bench -- --help` lists what the program
/// takes besides (`--output json`, `--seconds`, `--table`, `--write`).
#[derive(Args)]
pub(crate) struct Bench {
    /// Draw where the time goes, as a flame graph in target/bench; before the benchmark's name. Needs `perf`.
    #[arg(long)]
    flame: bool,
    /// Handed to the benchmark program.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

impl Bench {
    pub(crate) fn execute(self) -> Result<()> {
        bundles::ensure()?;
        let server = nats::ensure()?;
        if self.rest.iter().any(|argument| argument == "peers") {
            peers::ensure();
        }
        // The whole workspace's features, as every other build has them: one set of artifacts for all.
        let build = ["build", "--release", "--workspace", "--bin", "catena-bench", "--bin", "catena"];
        phase("build the benchmarks, optimised", || run(&mut cargo(build)))?;
        let bench = target().join("release").join(format!("catena-bench{}", std::env::consts::EXE_SUFFIX));
        phase("run the benchmarks", || {
            let mut bench = if self.flame { flame::recorded(&bench)? } else { command(bench) };
            run(nats::hand_over(server.as_deref(), bench.args(&self.rest)))
        })?;
        if self.flame { phase("draw where the time went", flame::draw) } else { Ok(()) }
    }
}
