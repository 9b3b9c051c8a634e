//! `cargo xtask soak`: the process-level fault tests, with ten times the rounds.

use anyhow::{Result, bail};
use clap::Args;

use crate::{
    bundles,
    nats::{self, Skips},
    phase::phase,
    tool::{cargo, output, run},
};

/// Where the fault tests are. What follows in a test's name is its row.
const FAULTS: &str = "faults::";

/// Runs the fault tests with many rounds.
#[derive(Args)]
pub(crate) struct Soak {
    /// Rounds per fault; a clean run of n rounds bounds the failure rate at 3/n.
    #[arg(long, default_value_t = 200)]
    rounds: u32,
    /// Only these rows, as `kills` or `tiers::wires`; a single test by its whole name, and `tiers` for all over NATS.
    rows: Vec<String>,
}

impl Soak {
    pub(crate) fn execute(self) -> Result<()> {
        bundles::ensure()?;
        let server = nats::ensure()?;
        let skips = Skips::new()?;
        let rounds = self.rounds.to_string();
        // The whole workspace, though one crate has them: a package alone has other features, and builds wasmtime anew.
        let tests = || cargo(["test", "--workspace", "--test", "it", "--"]);
        let all = phase("build the tests", || output(tests().args(["--list", "--format=terse", FAULTS])))?;
        let filters = filters(&self.rows, &all)?;
        let done = phase(&format!("fault tests, {rounds} rounds"), || {
            let mut tests = tests();
            tests.args(&filters).args(["--nocapture", "--test-threads=1"]);
            nats::hand_over(server.as_deref(), &mut tests);
            run(skips.hand_over(&mut tests).env("CATENA_ROUNDS", &rounds))
        });
        skips.report();
        done
    }
}

/// What selects the tests of these rows, out of a list of all.
///
/// # Errors
/// There is no such row: nothing would run, and all would be well.
fn filters(rows: &[String], all: &str) -> Result<Vec<String>> {
    let tests = all.lines().filter_map(|line| line.strip_prefix(FAULTS)?.strip_suffix(": test"));
    let tests: Vec<&str> = tests.collect();
    if rows.is_empty() {
        return Ok(vec![FAULTS.to_owned()]);
    }
    let filter = |row: &String| {
        let folder = format!("{row}::");
        if tests.iter().any(|test| test.starts_with(&folder)) {
            return Ok(format!("{FAULTS}{folder}"));
        }
        if tests.contains(&row.as_str()) {
            return Ok(format!("{FAULTS}{row}"));
        }
        let mut known: Vec<&str> = tests.iter().filter_map(|test| Some(test.rsplit_once("::")?.0)).collect();
        known.dedup();
        bail!("there is no row `{row}`; there are {}", known.join(", "))
    };
    rows.iter().map(filter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &str =
        "faults::kills::a: test\nfaults::tiers::kills::b: test\nfaults::tiers::wires::c: test\n";

    fn of(rows: &[&str]) -> Result<Vec<String>> {
        let rows: Vec<String> = rows.iter().map(|row| (*row).to_owned()).collect();
        filters(&rows, ALL)
    }

    #[test]
    fn rows_select_their_tests_and_no_others() {
        assert_eq!(of(&[]).unwrap(), ["faults::"]);
        assert_eq!(of(&["kills", "tiers"]).unwrap(), ["faults::kills::", "faults::tiers::"]);
        assert_eq!(of(&["tiers::wires::c"]).unwrap(), ["faults::tiers::wires::c"]);
    }

    #[test]
    fn a_row_that_does_not_exist_is_named_with_those_that_do() {
        let refused = of(&["tiers::wire"]).unwrap_err().to_string();
        assert_eq!(refused, "there is no row `tiers::wire`; there are kills, tiers::kills, tiers::wires");
    }
}
