use std::path::PathBuf;

use anyhow::bail;
use chain::{Source, TestReport};
use clap::Args;
use serde::Serialize;

use crate::{
    exit::{Failed, Result},
    output::{Output, talk},
    workbench::{BundlesFolder, Workbench, count},
};

/// Runs the tests inside chain files.
#[derive(Args)]
pub(crate) struct Test {
    /// Chain files.
    #[arg(required = true)]
    chains: Vec<PathBuf>,
    #[command(flatten)]
    bundles: BundlesFolder,
    /// Only tests whose name holds this text.
    #[arg(long)]
    filter: Option<String>,
}

#[derive(Serialize)]
struct Tested {
    chain: String,
    passed: bool,
    file: String,
    line: usize,
    column: usize,
    #[serde(flatten)]
    report: TestReport,
}

impl Tested {
    /// The report, and of a test that failed where it stands.
    fn text(&self) -> String {
        let Self { report, file, line, column, .. } = self;
        let place = if self.passed { String::new() } else { format!("{file}:{line}:{column}: ") };
        format!("{place}{report}")
    }
}

impl Test {
    pub(crate) fn execute(self, output: Output) -> Result<()> {
        let sources = self.chains.iter().map(|path| Source::read(path)).collect::<Result<Vec<_>, _>>()?;
        let workbench = Workbench::open(&self.bundles)?;
        let wanted = |name: &str| self.filter.as_ref().is_none_or(|filter| name.contains(filter));
        let (mut passed, mut failed) = (0, 0);
        for source in &sources {
            let plan = workbench.plan(source)?;
            for report in plan.run_tests().into_iter().filter(|report| wanted(&report.name)) {
                let count = if report.passed() { &mut passed } else { &mut failed };
                *count += 1;
                let (line, column) = source.place(report.span);
                let tested = Tested {
                    chain: plan.id.to_string(),
                    passed: report.passed(),
                    file: source.name.clone(),
                    line,
                    column,
                    report,
                };
                output.print(&tested, Tested::text)?;
            }
        }
        if let (0, Some(filter)) = (passed + failed, &self.filter) {
            // Whoever mistypes a name in a build would have it green for ever.
            bail!("no test was run: no test's name holds `{filter}`");
        }
        talk(&format!("{}, {failed} failed", count(passed + failed, "test")));
        if failed > 0 { Err(Failed.into()) } else { Ok(()) }
    }
}
