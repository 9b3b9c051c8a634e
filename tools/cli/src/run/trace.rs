//! What each step did.

use chain::{Observe, Plan, Visit};
use model::{Fault, Headers, Verdict};
use serde::Serialize;
use serde_json::Value;

use super::answer::Emitted;
use crate::{
    diff::{Change, diff},
    messages::body_json,
};

/// One visit of one step.
#[derive(Debug, Serialize)]
pub(super) struct Step {
    step: String,
    bundle: String,
    /// `next`, `term`, `jump`, or the code of a fault.
    verdict: &'static str,
    /// The reason of a term, the target of a jump, the sentence of a fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    micros: u64,
    /// What it changed in the body; an empty pointer is the whole of it.
    changes: Vec<Change>,
    /// What it changed in the headers.
    headers: Vec<Change>,
    emitted: Vec<Emitted>,
    /// It failed and was passed over.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    skipped: bool,
}

impl Step {
    /// The step on a line, what it changed on those below.
    pub(super) fn text(&self) -> String {
        let detail = match (&self.detail, self.verdict) {
            (Some(to), "jump") => format!(" → {to}"),
            (Some(detail), _) => format!(": {detail}"),
            (None, _) => String::new(),
        };
        let passed = if self.skipped { " (passed over)" } else { "" };
        let mut text = format!(
            "  │ {:<12} {}{detail}{passed}  [{}, {} µs]\n",
            self.step, self.verdict, self.bundle, self.micros
        );
        for change in &self.changes {
            text.push_str(&format!("  │   {}\n", change.line()));
        }
        for change in &self.headers {
            text.push_str(&format!("  │   header {}\n", change.line()));
        }
        for emitted in &self.emitted {
            text.push_str(&format!("  │   emits {}\n", emitted.line()));
        }
        text
    }
}

/// Notes every visit.
pub(super) struct Trace<'a> {
    plan: &'a Plan,
    steps: Vec<Step>,
}

impl<'a> Trace<'a> {
    pub(super) fn new(plan: &'a Plan) -> Self {
        Self { plan, steps: Vec::new() }
    }

    pub(super) fn into_steps(self) -> Vec<Step> {
        self.steps
    }
}

impl Observe for Trace<'_> {
    fn step(&mut self, visit: Visit<'_>) {
        let Some(step) = self.plan.steps.get(visit.step) else { return };
        let (verdict, detail) = match visit.result {
            Ok(outcome) => match &outcome.verdict {
                Verdict::Next => ("next", None),
                Verdict::Term(reason) => ("term", Some(reason.clone())),
                Verdict::Jump(to) => ("jump", Some(to.clone())),
            },
            Err(fault) => (fault.code(), Some(sentence(fault))),
        };
        let body_changed = visit.body_after() != &visit.before.body;
        self.steps.push(Step {
            step: step.id.to_string(),
            bundle: step.bundle.to_string(),
            verdict,
            detail,
            micros: u64::try_from(visit.elapsed.as_micros()).unwrap_or(u64::MAX),
            // Comparing JSON is not cheap: only where the bytes differ.
            changes: if body_changed {
                diff(&body_json(&visit.before.body), &body_json(visit.body_after()))
            } else {
                Vec::new()
            },
            headers: diff(&object(&visit.before.headers), &object(visit.headers_after())),
            emitted: visit.emissions.iter().map(Emitted::from).collect(),
            skipped: visit.skipped,
        });
    }
}

/// A fault with the wasm backtrace, where it has one.
pub(super) fn sentence(fault: &Fault) -> String {
    match fault {
        Fault::Trap { backtrace, .. } if !backtrace.is_empty() => {
            format!("{fault}\n    {}", backtrace.join("\n    "))
        }
        fault => fault.to_string(),
    }
}

fn object(headers: &Headers) -> Value {
    Value::Object(headers.0.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect())
}
