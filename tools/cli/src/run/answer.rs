//! What became of one message.

use std::time::Duration;

use chain::{End, Finished, Plan, Stopped};
use model::{Emission, Message};
use serde::Serialize;
use serde_json::Value;

use super::trace::{Step, sentence};
use crate::messages::body_json;

#[derive(Serialize)]
pub(super) struct Answer {
    id: String,
    /// `output`, `term`, or `failed`.
    verdict: &'static str,
    /// The reason of a term, or why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
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

impl Answer {
    pub(super) fn new(
        plan: &Plan,
        message: &Message,
        result: Result<Finished, Stopped>,
        elapsed: Duration,
        steps: Option<Vec<Step>>,
    ) -> Self {
        let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        let id = message.id.clone();
        match result {
            Ok(Finished { end, message, path, emitted, .. }) => {
                let mut outputs: Vec<_> =
                    emitted.iter().map(|(_, emission)| Emitted::from(emission)).collect();
                let (verdict, reason) = match end {
                    End::Output => {
                        outputs.push(Emitted {
                            output: plan.output.to_string(),
                            kind: message.kind,
                            key: message.key,
                            body: body_json(&message.body),
                        });
                        ("output", None)
                    }
                    End::Term { reason } => ("term", Some(reason)),
                };
                let path = path.names(plan).iter().map(ToString::to_string).collect();
                Self { id, verdict, reason, path, outputs, body: body_json(&message.body), micros, steps }
            }
            Err(Stopped { fault, path }) => Self {
                id,
                verdict: "failed",
                reason: Some(sentence(&fault)),
                path: path.names(plan).iter().map(ToString::to_string).collect(),
                outputs: Vec::new(),
                body: body_json(&message.body),
                micros,
                steps,
            },
        }
    }

    /// Whether it would become a dead letter.
    pub(super) fn failed(&self) -> bool {
        self.verdict == "failed"
    }

    pub(super) fn text(&self) -> String {
        let reason = self.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let mut text = format!(
            "{} {}{reason}  ({}, {} µs)\n",
            self.id,
            self.verdict,
            self.path.join(" → "),
            self.micros
        );
        match &self.steps {
            Some(steps) => {
                text.extend(steps.iter().map(Step::text));
                text.push_str(&format!("  ╰ {}\n", self.body));
            }
            None => text.extend(self.outputs.iter().map(|output| format!("  {}\n", output.line()))),
        }
        text
    }
}
