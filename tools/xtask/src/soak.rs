//! `cargo xtask soak`: the process-level fault tests, with ten times the rounds.

use anyhow::Result;
use clap::Args;

use crate::{
    bundles,
    nats::{self, Skips},
    phase::phase,
    tool::{cargo, run},
};

/// Runs the fault tests with many rounds.
#[derive(Args)]
pub(crate) struct Soak {
    /// Rounds per fault; a clean run of n rounds bounds the failure rate at 3/n.
    #[arg(long, default_value_t = 200)]
    rounds: u32,
    /// Only tests whose name holds this text.
    #[arg(default_value = "faults::")]
    filter: String,
}

impl Soak {
    pub(crate) fn execute(self) -> Result<()> {
        bundles::ensure()?;
        let server = nats::ensure()?;
        let skips = Skips::new()?;
        let rounds = self.rounds.to_string();
        let done = phase(&format!("fault tests, {rounds} rounds"), || {
            // The whole workspace, though one crate has them: a package alone has other features, and builds wasmtime anew.
            let mut tests = cargo(["test", "--workspace", "--test", "it", &self.filter]);
            tests.args(["--", "--nocapture", "--test-threads=1"]);
            nats::hand_over(server.as_deref(), &mut tests);
            run(skips.hand_over(&mut tests).env("CATENA_ROUNDS", &rounds))
        });
        skips.report();
        done
    }
}
