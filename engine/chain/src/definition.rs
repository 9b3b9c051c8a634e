//! What a chain file says: the format itself. The JSON Schema is derived from these types, and their
//! documentation is its descriptions.

mod shape;
mod step;
mod test;

use model::Name;
use schemars::JsonSchema;

use crate::Spanned;
use shape::NameText;
pub use shape::Within;
pub(crate) use shape::Word;
pub use step::{DEADLINE_MS_MAX, Grant, Limits, MEMORY_MB_MAX, Step, Uses};
pub use test::{Emitted, Ending, Expect, Test, TestMessage};

/// Steps of one chain at most.
pub const STEPS_MAX: usize = 1_000;
/// Attempts at one message at most.
pub const ATTEMPTS_MAX: u64 = 100;
/// Visited steps per message at most, and the highest `visits_max`.
pub const HOPS_MAX: u64 = 10_000;

/// A Catena chain: the steps that messages of one stream go through, in order.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(rename = "Chain file", deny_unknown_fields)]
pub struct Definition {
    /// Where editors find the schema of this file. The engine does not look at it.
    #[schemars(rename = "$schema")]
    pub schema: Option<String>,
    /// What the chain is called, reads and feeds.
    pub chain: Chain,
    /// Outputs besides the chain's own, by name.
    #[schemars(with = "Option<std::collections::BTreeMap<NameText, Output>>")]
    pub outputs: Vec<Output>,
    /// The steps. `next` leads from each to the one below it.
    #[schemars(rename = "step", length(min = 1, max = STEPS_MAX))]
    pub steps: Vec<Step>,
    /// Tests that must pass before the chain goes live.
    #[schemars(rename = "test", with = "Option<Vec<Test>>")]
    pub tests: Vec<Test>,
    /// Whether every jump and every place of a step could be read.
    #[schemars(skip)]
    pub(crate) edges_known: bool,
    /// Whether the name of every output could be read.
    #[schemars(skip)]
    pub(crate) outputs_known: bool,
}

impl Definition {
    /// Steps that one message may visit: as written, or the default.
    #[must_use]
    pub fn hops_max(&self) -> u32 {
        let default = u32::try_from(2 * self.steps.len()).unwrap_or(u32::MAX).max(32);
        self.chain.hops_max.as_ref().map_or(default, |hops| hops.get())
    }

    /// All outputs: those declared, and the chain's own where it is not among them.
    #[must_use]
    pub fn outputs_all(&self) -> Vec<crate::Output> {
        let declared = self.outputs.iter();
        let declared =
            declared.map(|o| crate::Output { name: o.name.value.clone(), stream: o.stream.value.clone() });
        let mut all: Vec<_> = declared.collect();
        let own = &self.chain.output.value;
        if !all.iter().any(|o| o.name == *own) {
            all.push(crate::Output { name: own.clone(), stream: own.clone() });
        }
        all
    }
}

/// The head of a chain file.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Chain {
    /// The chain's name, unique on a node. Positions, state and ids hang on it: under another name a chain begins anew, at the oldest
    /// message kept.
    #[schemars(with = "NameText")]
    pub id: Spanned<Name>,
    /// The stream whose messages it processes.
    #[schemars(with = "NameText")]
    pub input: Spanned<Name>,
    /// The output that the last step's `next` leads to. Unless `[outputs]` says otherwise, the stream of this name.
    #[schemars(with = "NameText")]
    pub output: Spanned<Name>,
    /// What becomes of a message whose step failed for good: `dead-letter` (the default) puts it aside,
    /// `retry` tries for ever, `skip` goes on without the step where it is advisory, `halt` stops the partition.
    #[schemars(with = "Option<shape::WordOf<OnFailure>>")]
    pub on_failure: Spanned<OnFailure>,
    /// Attempts at one message before its failure is final. Default 5.
    #[schemars(with = "Option<Within<1, ATTEMPTS_MAX>>")]
    pub attempts_max: u32,
    /// Steps that one message may visit. Default 32, or twice the number of steps where that is more.
    pub hops_max: Option<Spanned<Within<1, HOPS_MAX>>>,
}

/// What becomes of a message that failed for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// It is put aside, whole, with the reason.
    #[default]
    DeadLetter,
    /// It is tried again for ever, and those behind it wait.
    Retry,
    /// It goes on without the step, where that step is advisory; elsewhere it is put aside.
    Skip,
    /// Its partition stops until somebody acts.
    Halt,
}

impl OnFailure {
    /// The word that chain files use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DeadLetter => "dead-letter",
            Self::Retry => "retry",
            Self::Skip => "skip",
            Self::Halt => "halt",
        }
    }
}

impl Word for OnFailure {
    const WORDS: &'static [(&'static str, Self)] = &[
        (Self::DeadLetter.as_str(), Self::DeadLetter),
        (Self::Retry.as_str(), Self::Retry),
        (Self::Skip.as_str(), Self::Skip),
        (Self::Halt.as_str(), Self::Halt),
    ];
}

/// A place where messages leave the chain.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Output {
    /// Its name, the key in `[outputs]`.
    #[schemars(skip)]
    pub name: Spanned<Name>,
    /// The stream it leads to. Default: the stream of the output's name.
    #[schemars(with = "Option<NameText>")]
    pub stream: Spanned<Name>,
}
