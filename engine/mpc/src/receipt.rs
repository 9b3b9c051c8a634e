//! The machine-readable account of one reload of one chain: what the CLI prints, the console lists, tests wait for.

use std::{fmt, path::PathBuf};

use chain::{Difference, Faults, Look, Source, TestReport};
use model::Name;
use serde::{Deserialize, Serialize};

use crate::{RefusedFile, StepStatus, Tally, time};

/// Files that a receipt without a chain is called by.
const SUBJECT_FILES_MAX: usize = 3;

/// What became of a change, of one chain; or of a file that no chain uses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// Its place in the history of this node, from 1.
    pub number: u64,
    /// When it was written, milliseconds since 1970.
    pub at_ms: u64,
    /// The chain; `None` when the change concerns none, or the file is too broken to say.
    pub chain: Option<Name>,
    /// What became of it.
    pub verdict: Verdict,
    /// The generation that runs now; `None` when the chain does not run.
    pub generation: Option<u64>,
    /// The generation that was drained, when there was one.
    pub replaced: Option<u64>,
    /// The files that were looked at because of this.
    pub cause: Vec<Cause>,
    /// What changed, one line each, for people: `spam: spam-filter 1.0.0 → 1.1.0`.
    pub changes: Vec<String>,
    /// The steps that run now.
    pub steps: Vec<StepStatus>,
    /// What is wrong, when it was refused.
    pub faults: Vec<Mistake>,
    /// The same for people, with the text around each mistake.
    pub report: Option<String>,
    /// What is hardly meant, though it runs.
    #[serde(default)]
    pub warnings: Vec<Mistake>,
    /// Bundle files that cannot be used.
    pub refused: Vec<RefusedFile>,
    /// Where the time went.
    pub phases: Phases,
    /// The messages of the generation that was replaced.
    pub messages: Option<Tally>,
    /// Whether the old generation had ended when this was written; `messages` adds up then.
    pub drained: bool,
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A new generation runs.
    Live,
    /// Nothing that runs depends on it.
    Unchanged,
    /// It cannot run; what ran before, if anything did, still does.
    Refused,
    /// The chain is gone.
    Removed,
}

impl Receipt {
    /// An account with nothing in it yet, of now.
    pub(crate) fn new(verdict: Verdict) -> Self {
        Self {
            number: 0,
            at_ms: time::now_ms(),
            chain: None,
            verdict,
            generation: None,
            replaced: None,
            cause: Vec::new(),
            changes: Vec::new(),
            steps: Vec::new(),
            faults: Vec::new(),
            report: None,
            warnings: Vec::new(),
            refused: Vec::new(),
            phases: Phases::default(),
            messages: None,
            drained: true,
        }
    }

    /// What it is about: a chain, or the files that concern none.
    #[must_use]
    pub fn subject(&self) -> String {
        if let Some(chain) = &self.chain {
            return chain.to_string();
        }
        let paths: Vec<_> = match &self.refused[..] {
            [] => self.cause.iter().map(|cause| &cause.path).collect(),
            refused => refused.iter().map(|file| &file.path).collect(),
        };
        let shown: Vec<_> =
            paths.iter().take(SUBJECT_FILES_MAX).map(|path| path.display().to_string()).collect();
        let more = match paths.len().saturating_sub(SUBJECT_FILES_MAX) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("{}{more}", shown.join(", "))
    }

    /// What became of it, in a few words.
    #[must_use]
    pub fn outcome(&self) -> String {
        match (self.verdict, self.replaced, self.generation) {
            (Verdict::Live, Some(old), Some(new)) => format!("generation {old} → {new} live"),
            (Verdict::Live, None, Some(new)) => format!("generation {new} live"),
            (Verdict::Refused, _, Some(still)) => format!("refused, generation {still} runs on"),
            (Verdict::Refused, _, None) if self.chain.is_some() => {
                "refused, the chain does not run".to_owned()
            }
            (Verdict::Refused, _, None) => "refused, nothing that runs has changed".to_owned(),
            (Verdict::Unchanged, _, Some(still)) => format!("unchanged, generation {still} runs on"),
            (Verdict::Removed, Some(old), _) => format!("removed, generation {old} ended"),
            (verdict, _, _) => verdict.as_str().to_owned(),
        }
    }
}

impl Verdict {
    /// The word used in metrics and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Unchanged => "unchanged",
            Self::Refused => "refused",
            Self::Removed => "removed",
        }
    }
}

/// One file, and what happened to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The file.
    pub path: PathBuf,
    /// What happened to it.
    pub change: Change,
}

/// What happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It was there when the node started.
    Started,
    /// It is new.
    Added,
    /// It holds something else.
    Changed,
    /// It is gone.
    Removed,
    /// It is as it was, but what it depends on is not.
    Affected,
}

/// One thing that is wrong with a chain file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mistake {
    /// What kind of mistake: `chain::unknown-step`, `mpc::test-failed`, …
    pub code: String,
    /// One sentence.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The file.
    pub file: String,
    /// The line, from 1; 0 when it concerns the whole file.
    pub line: usize,
    /// The character of the line, from 1; 0 when it concerns the whole file.
    pub column: usize,
}

/// Where the time of a reload went, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Phases {
    /// Opening the changed bundles.
    pub read_ms: f64,
    /// Compiling the chain, loading and warming its processors.
    pub compile_ms: f64,
    /// Running the chain's own tests.
    pub test_ms: f64,
    /// Numbering the generation and putting it in place.
    pub swap_ms: f64,
    /// Until the last message of the old generation was settled.
    pub drain_ms: f64,
}

/// Why a chain file cannot go live.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) mistakes: Vec<Mistake>,
    pub(crate) report: String,
}

impl Refusal {
    /// One mistake that concerns the whole file.
    pub(crate) fn whole(file: &str, code: &str, message: String, hint: Option<String>) -> Self {
        let mistake =
            Mistake { code: code.to_owned(), message, hint, file: file.to_owned(), line: 0, column: 0 };
        Self { report: mistake.to_string(), mistakes: vec![mistake] }
    }

    /// The chain's own tests that failed.
    pub(crate) fn tests(source: &Source, reports: &[TestReport]) -> Self {
        let mut refusal = Self::default();
        for report in reports.iter().filter(|report| !report.passed()) {
            let differs = |d: &Difference| format!("{}: expected {}, got {}", d.what, d.expected, d.got);
            let differences: Vec<_> = report.differences.iter().map(differs).collect();
            let (line, column) = source.place(report.span);
            let mistake = Mistake {
                code: "mpc::test-failed".to_owned(),
                message: format!("test `{}` failed: {}", report.name, differences.join("; ")),
                hint: None,
                file: source.name.clone(),
                line,
                column,
            };
            refusal.report.push_str(&format!("{mistake}\n"));
            refusal.mistakes.push(mistake);
        }
        refusal
    }
}

impl Mistake {
    /// Those of a chain file.
    pub(crate) fn all(faults: &Faults) -> Vec<Self> {
        let mistake = |m: &chain::Mistake| Self {
            code: m.code.to_string(),
            message: m.message.clone(),
            hint: m.hint.clone(),
            file: faults.file().to_owned(),
            line: m.line,
            column: m.column,
        };
        faults.mistakes().iter().map(mistake).collect()
    }
}

/// One line: where, what, and what to do.
impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, message, hint, file, line, column } = self;
        f.write_str(file)?;
        if *line > 0 {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {message} [{code}]")?;
        hint.as_ref().map_or(Ok(()), |hint| write!(f, "; {hint}"))
    }
}

impl From<&Faults> for Refusal {
    fn from(faults: &Faults) -> Self {
        Self { mistakes: Mistake::all(faults), report: faults.render(Look::Graphical) }
    }
}
