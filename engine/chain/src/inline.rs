//! Inline tests: one message through the plan's real processors, and what came of it compared with
//! what the chain file expects.

mod compare;
mod kept;

use std::{fmt, sync::Arc};

use bytes::Bytes;
use model::{Call, Headers, Message, Name, Scope};
use serde::Serialize;
use tracing::error_span;

use crate::{
    Finished, Plan, Span, Stopped,
    definition::{Test, TestMessage},
};
use kept::Kept;

/// 2026-01-01T00:00:00Z, when messages of tests are accepted unless they say otherwise.
const ACCEPTED_AT_MS: u64 = 1_767_225_600_000;

/// What came of one inline test. `Display` is for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TestReport {
    /// The test's name.
    pub name: String,
    /// Where the name stands in the chain file; [`Source::place`](crate::Source::place) has the line.
    #[serde(skip)]
    pub span: Span,
    /// The steps that the message visited.
    pub path: Vec<Name>,
    /// Where what came differs from what was expected; nothing when the test passed.
    pub differences: Vec<Difference>,
}

/// One thing that came out differently.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What it is: `path`, `verdict`, `body at /text`, …
    pub what: String,
    /// What the test expects.
    pub expected: String,
    /// What came.
    pub got: String,
}

impl TestReport {
    /// Whether everything came as expected.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.differences.is_empty()
    }
}

impl fmt::Display for TestReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", if self.passed() { "ok" } else { "FAILED" }, self.name)?;
        for Difference { what, expected, got } in &self.differences {
            write!(f, "\n  {what}\n    expected {expected}\n    got      {got}")?;
        }
        Ok(())
    }
}

impl Plan {
    /// Runs the chain's inline tests. State lasts from a test's first message to its last, nothing else does.
    ///
    /// Takes as long as the processors take.
    #[must_use]
    pub fn run_tests(&self) -> Vec<TestReport> {
        let run = |test: &Test| {
            // What guests log is known by it as a test's. It has their target, so that it is there wherever their lines are.
            let span =
                error_span!(target: "catena::guest", "chain_test", chain = %self.id, test = %test.name.value);
            span.in_scope(|| self.run_test(test))
        };
        self.tests.iter().map(run).collect()
    }

    fn run_test(&self, test: &Test) -> TestReport {
        let kept = Arc::new(Kept::default());
        let mut differences = Vec::new();
        for (i, before) in test.before.iter().enumerate() {
            if let Err(stopped) = self.pass(before, i, &kept) {
                differences.push(Difference {
                    what: format!("message {} of `before`", i + 1),
                    expected: "an end".to_owned(),
                    got: stopped.fault.to_string(),
                });
            }
        }
        let result = self.pass(&test.input, test.before.len(), &kept);
        let path = match &result {
            Ok(Finished { path, .. }) | Err(Stopped { path, .. }) => path.names(self),
        };
        compare::compare(&test.expect, &result, &path, &mut differences);
        TestReport { name: test.name.value.clone(), span: test.name.span, path, differences }
    }

    fn pass(&self, message: &TestMessage, ordinal: usize, kept: &Arc<Kept>) -> Result<Finished, Stopped> {
        let accepted_at_ms = message.accepted_at_ms.unwrap_or(ACCEPTED_AT_MS);
        let mut call = Call::new(accepted_at_ms, ordinal as u64, Scope::new(kept.clone()));
        let finished = self.execute(&self::message(message, ordinal), &mut call, &mut ())?;
        kept.commit(call.state.take_writes());
        Ok(finished)
    }
}

fn message(message: &TestMessage, ordinal: usize) -> Message {
    let or = |text: &Option<String>, default: &str| text.clone().unwrap_or_else(|| default.to_owned());
    let body = match (&message.body_text, &message.body) {
        (Some(text), _) => text.value.clone(),
        (None, Some(body)) => body.to_string(),
        (None, None) => "{}".to_owned(),
    };
    Message {
        id: message.id.clone().unwrap_or_else(|| format!("test-{}", ordinal + 1)),
        kind: or(&message.kind, "note"),
        key: or(&message.key, "1"),
        headers: Headers(message.headers.clone()),
        body: Bytes::from(body),
    }
}
