//! What became of one message.

use std::time::Duration;

use chain::{End, Finished, Plan, Stopped};
use model::{Emission, Fault, Message, Name, Outcome, Verdict};
use serde::Serialize;
use serde_json::Value;

use super::trace::Step;
use crate::messages::body_json;

#[derive(Default, Serialize)]
pub(super) struct Answer {
    id: String,
    /// `output` or `term`; `next`, `term` or `jump` of a single bundle; or `failed`.
    verdict: &'static str,
    /// The reason of a term, the target of a jump, or why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The wasm backtrace of a failure, innermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    backtrace: Vec<String>,
    /// The steps it visited.
    path: Vec<String>,
    /// What was emitted, and at the end the message itself where it reached the chain's output.
    outputs: Vec<Emitted>,
    /// The body as the last step left it.
    body: Value,
    /// All steps together.
    micros: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<Vec<Step>>,
}

/// One message on an output.
#[derive(Debug, Serialize)]
pub(super) struct Emitted {
    output: String,
    kind: String,
    key: String,
    body: Value,
}

impl From<&Emission> for Emitted {
    fn from(emission: &Emission) -> Self {
        let Emission { output, kind, key, body } = emission;
        Self { output: output.clone(), kind: kind.clone(), key: key.clone(), body: body_json(body) }
    }
}

impl Emitted {
    pub(super) fn line(&self) -> String {
        format!("{} to `{}`: {}", self.kind, self.output, self.body)
    }
}

/// Whole microseconds.
pub(super) fn micros(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)
}

impl Answer {
    pub(super) fn of_chain(
        plan: &Plan,
        message: &Message,
        result: Result<Finished, Stopped>,
        elapsed: Duration,
        steps: Option<Vec<Step>>,
    ) -> Self {
        let names = |path: &chain::Path| path.names(plan).iter().map(ToString::to_string).collect();
        match result {
            Ok(Finished { end, message, path, emitted, .. }) => {
                let mut outputs: Vec<_> =
                    emitted.iter().map(|(_, emission)| Emitted::from(emission)).collect();
                let body = body_json(&message.body);
                let (verdict, reason) = match end {
                    End::Output => {
                        let (output, body) = (plan.output.to_string(), body.clone());
                        outputs.push(Emitted { output, kind: message.kind, key: message.key, body });
                        ("output", None)
                    }
                    End::Term { reason } => ("term", Some(reason)),
                };
                let (id, path, micros) = (message.id, names(&path), micros(elapsed));
                Self { id, verdict, reason, path, outputs, body, micros, steps, ..Self::default() }
            }
            Err(Stopped { fault, path }) => {
                Self { path: names(&path), micros: micros(elapsed), steps, ..Self::failure(message, &fault) }
            }
        }
    }

    pub(super) fn of_bundle(
        name: &Name,
        message: &Message,
        result: Result<Outcome, Fault>,
        emissions: &[Emission],
        elapsed: Duration,
        steps: Option<Vec<Step>>,
    ) -> Self {
        let (path, micros) = (vec![name.to_string()], micros(elapsed));
        let outcome = match result {
            Ok(outcome) => outcome,
            Err(fault) => return Self { path, micros, steps, ..Self::failure(message, &fault) },
        };
        let body = match outcome.applied_to(&message.clone().into()) {
            Ok(after) => body_json(&after.body),
            Err(error) => {
                let fault = Fault::Reject { reason: error.to_string() };
                return Self { path, micros, steps, ..Self::failure(message, &fault) };
            }
        };
        let (verdict, reason) = match outcome.verdict {
            Verdict::Next => ("next", None),
            Verdict::Term(reason) => ("term", Some(reason)),
            Verdict::Jump(to) => ("jump", Some(to)),
        };
        let (id, outputs) = (message.id.clone(), emissions.iter().map(Emitted::from).collect());
        Self { id, verdict, reason, path, outputs, body, micros, steps, ..Self::default() }
    }

    fn failure(message: &Message, fault: &Fault) -> Self {
        let backtrace = match fault {
            Fault::Trap { backtrace, .. } => backtrace.clone(),
            _ => Vec::new(),
        };
        let (id, reason) = (message.id.clone(), Some(fault.to_string()));
        Self { id, verdict: "failed", reason, backtrace, body: body_json(&message.body), ..Self::default() }
    }

    /// Whether it would become a dead letter.
    pub(super) fn failed(&self) -> bool {
        self.verdict == "failed"
    }

    pub(super) fn text(&self) -> String {
        let Self { id, verdict, micros, body, .. } = self;
        let reason = self.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let mut text = format!("{id} {verdict}{reason}  ({}, {micros} µs)\n", self.path.join(" → "));
        text.extend(self.backtrace.iter().map(|frame| format!("    {frame}\n")));
        match &self.steps {
            Some(steps) => {
                text.extend(steps.iter().map(Step::text));
                text.push_str(&format!("  ╰ {body}\n"));
            }
            None => text.extend(self.outputs.iter().map(|output| format!("  {}\n", output.line()))),
        }
        text
    }
}
