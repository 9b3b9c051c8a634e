use model::Name;
use schemars::JsonSchema;
use serde_json::Value;

use super::shape::{NameText, Word, WordOf};
use crate::Spanned;

/// A test of the chain as a whole: one message goes in, and what comes of it is compared.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Test {
    /// What the test shows, in a sentence.
    pub name: Spanned<String>,
    /// Messages that go through the chain before, in order; the state they leave is there for `input`.
    #[schemars(with = "Option<Vec<TestMessage>>")]
    pub before: Vec<TestMessage>,
    /// The message.
    pub input: TestMessage,
    /// What is to come of it. Whatever is not mentioned may be anything.
    pub expect: Spanned<Expect>,
}

/// A message of a test.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct TestMessage {
    /// Its id. Default `test-1` and so on.
    pub id: Option<String>,
    /// What sort of message it is. Default `note`.
    pub kind: Option<String>,
    /// The key that state and order are kept by. Default `1`.
    pub key: Option<String>,
    /// Its headers.
    #[schemars(with = "Option<std::collections::BTreeMap<String, String>>")]
    pub headers: Vec<(String, String)>,
    /// Its body as JSON. Default `{}`.
    pub body: Option<Value>,
    /// Its body as it stands, where that is not to be JSON.
    pub body_text: Option<Spanned<String>>,
    /// When it was accepted, milliseconds since 1970: the processors' clock. Default 2026-01-01.
    pub accepted_at_ms: Option<u64>,
}

/// What a test expects.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Expect {
    /// The ids of the steps visited, in order.
    #[schemars(with = "Option<Vec<NameText>>")]
    pub path: Option<Vec<Spanned<Name>>>,
    /// How it ends: `output` (or `next`), `term`, or the code of a fault.
    #[schemars(with = "Option<WordOf<Ending>>")]
    pub verdict: Option<Ending>,
    /// A part of the reason that `term`, or the fault, gives.
    pub reason: Option<String>,
    /// The body at the end. Of objects, the keys mentioned; everything else must be equal.
    pub body: Option<Value>,
    /// Headers at the end, those mentioned.
    pub headers: Option<Spanned<std::collections::BTreeMap<String, String>>>,
    /// What the steps emitted, all of it, in order.
    pub emitted: Option<Vec<Emitted>>,
}

/// One emission that a test expects.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Emitted {
    /// The output.
    #[schemars(with = "NameText")]
    pub output: Spanned<Name>,
    /// Its kind.
    pub kind: Option<String>,
    /// Its key.
    pub key: Option<String>,
    /// Its body, compared like the message's.
    pub body: Option<Value>,
}

/// How a message of a test ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending(&'static str);

impl Ending {
    /// It reaches the chain's output.
    pub const OUTPUT: Self = Self("output");
    /// A step ends it.
    pub const TERM: Self = Self("term");

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

/// Beside the two ends, the codes of [`model::Fault`].
impl Word for Ending {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("output", Self::OUTPUT),
        ("next", Self::OUTPUT),
        ("term", Self::TERM),
        ("retry", Self("retry")),
        ("reject", Self("reject")),
        ("trap", Self("trap")),
        ("deadline", Self("deadline")),
        ("memory", Self("memory")),
        ("stack", Self("stack")),
        ("forbidden_jump", Self("forbidden_jump")),
        ("hop_budget", Self("hop_budget")),
        ("host", Self("host")),
    ];
}

impl Expect {
    /// Whether it expects nothing at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.path.is_none()
            && self.verdict.is_none()
            && self.reason.is_none()
            && self.body.is_none()
            && self.headers.is_none()
            && self.emitted.is_none()
    }
}
