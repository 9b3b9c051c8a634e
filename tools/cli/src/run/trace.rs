//! What each step did.

use std::time::Duration;

use chain::{Observe, Plan, Visit};
use model::{BundleRef, Draft, Emission, Fault, Headers, Name, Outcome, Verdict};
use serde::Serialize;
use serde_json::Value;

use super::answer::{Emitted, micros};
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
    /// What it changed in the headers, by name.
    headers: Vec<Change>,
    emitted: Vec<Emitted>,
    /// It failed and was passed over.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    skipped: bool,
}

impl Step {
    pub(super) fn new(
        step: &Name,
        bundle: &BundleRef,
        elapsed: Duration,
        before: &Draft,
        result: Result<&Outcome, &Fault>,
        emissions: &[Emission],
    ) -> Self {
        let (verdict, detail) = match result {
            Ok(outcome) => match &outcome.verdict {
                Verdict::Next => ("next", None),
                Verdict::Term(reason) => ("term", Some(reason.clone())),
                Verdict::Jump(to) => ("jump", Some(to.clone())),
            },
            Err(fault) => (fault.code(), Some(fault.to_string())),
        };
        let (before, after) =
            (before.to_message(), result.ok().and_then(|outcome| outcome.applied_to(before).ok()));
        let after = after.as_ref().unwrap_or(&before);
        Self {
            step: step.to_string(),
            bundle: bundle.to_string(),
            verdict,
            detail,
            micros: micros(elapsed),
            changes: if after.body == before.body {
                Vec::new()
            } else {
                diff(&body_json(&before.body), &body_json(&after.body))
            },
            headers: header_changes(&before.headers, &after.headers),
            emitted: emissions.iter().map(Emitted::from).collect(),
            skipped: false,
        }
    }

    /// The step on a line, what it changed on those below.
    pub(super) fn text(&self) -> String {
        let Self { step, verdict, bundle, micros, .. } = self;
        let detail = match (&self.detail, *verdict) {
            (Some(to), "jump") => format!(" → {to}"),
            (Some(detail), _) => format!(": {detail}"),
            (None, _) => String::new(),
        };
        let passed = if self.skipped { " (passed over)" } else { "" };
        let mut text = format!("  │ {step:<12} {verdict}{detail}{passed}  [{bundle}, {micros} µs]\n");
        text.extend(self.changes.iter().map(|change| format!("  │   {}\n", change.line())));
        text.extend(self.headers.iter().map(|change| format!("  │   header {}\n", change.line())));
        text.extend(self.emitted.iter().map(|emitted| format!("  │   emits {}\n", emitted.line())));
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
        let Visit { elapsed, before, result, emissions, skipped, .. } = visit;
        let step = Step::new(&step.id, &step.bundle, elapsed, before, result, emissions);
        self.steps.push(Step { skipped, ..step });
    }
}

fn header_changes(before: &Headers, after: &Headers) -> Vec<Change> {
    let object = |headers: &Headers| {
        Value::Object(headers.0.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect())
    };
    let mut changes = diff(&object(before), &object(after));
    for change in &mut changes {
        // Headers are not nested: a name reads better than a pointer.
        change.at = change.at.trim_start_matches('/').replace("~1", "/").replace("~0", "~");
    }
    changes
}
