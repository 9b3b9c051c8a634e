//! Counting the tests that skipped themselves.
//!
//! libtest knows no skipped state: such a test passes, and its output is swallowed. So each appends its name to the
//! file that `CATENA_SKIPPED` names, and whoever started the tests reads it when they are done.

use std::{collections::BTreeSet, fs, path::PathBuf, process::Command};

use anyhow::{Context, Result};

use crate::tool::target;

/// The file of one run of tests.
pub(crate) struct Skips {
    file: PathBuf,
}

impl Skips {
    /// An empty file.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn new() -> Result<Self> {
        // One per run: two runs in one target folder do not count each other's.
        let file = target().join(format!("skipped-{}.txt", std::process::id()));
        fs::create_dir_all(target())
            .and_then(|()| fs::write(&file, ""))
            .with_context(|| format!("failed to write `{}`", file.display()))?;
        Ok(Self { file })
    }

    /// Tells the tests that `tests` starts where to write.
    pub(crate) fn hand_over<'a>(&self, tests: &'a mut Command) -> &'a mut Command {
        tests.env("CATENA_SKIPPED", &self.file)
    }

    /// Says how many skipped themselves, and which; silent where none did. To be called however the run ended.
    pub(crate) fn report(self) {
        let names = fs::read_to_string(&self.file).unwrap_or_default();
        let names: BTreeSet<_> = names.lines().collect();
        if !names.is_empty() {
            eprintln!("xtask: {}", line(&names));
        }
        // It would say nothing to anyone.
        let _ = fs::remove_file(&self.file);
    }
}

fn line(names: &BTreeSet<&str>) -> String {
    let said =
        if names.len() == 1 { "test that needs nats-server was" } else { "tests that need nats-server were" };
    let shown = names.iter().copied().collect::<Vec<_>>().join(", ");
    format!("{} {said} SKIPPED: {shown}", names.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_was_skipped_twice_counts_once() {
        let names = BTreeSet::from_iter("b\na\nb\n".lines());
        assert_eq!(line(&names), "2 tests that need nats-server were SKIPPED: a, b");
    }
}
