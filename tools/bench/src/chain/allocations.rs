//! What the host takes from the allocator for a message and for each step that it goes through, when pools are warm and buffers
//! have grown. A count, the same in every run: so a test holds what the engine's own part of it is.
//!
//! A chain of one step and one of nine run the same messages; what they differ by are eight steps.

use std::sync::Arc;

use chain::Plan;
use model::{
    BundleRef, Call, Catalog, Digest, Fault, Message, Outcome, Processor, Refusal, Resolved, Wanted,
};

use super::{
    BATCH,
    plans::{self, Batch, Guests},
};
use crate::{allocations, message, report::Row};

const SHORT: usize = 1;
const LONG: usize = 9;
/// Batches until everything has grown to its size, and batches that are counted: together fewer messages than an instance serves.
const WARM: usize = 20;
const COUNTED: usize = 100;

/// One message by itself, or all of a batch together.
type Run = fn(&mut Batch, &Plan) -> anyhow::Result<()>;

/// Runs the benchmark.
pub(crate) fn run() -> anyhow::Result<Vec<Row>> {
    let guests = Guests::new(&["pass", "pass-by-value", "fields"], 64)?;
    let guest = |name: &'static str| {
        let guests = &guests;
        move |steps| guests.plan(name, steps)
    };
    let (alone, together): (Run, Run) = (Batch::one_by_one, |batch, plan| batch.together(plan, BATCH));
    let mut rows = Vec::new();
    let mut add = |what: &str, Counts { message, step }| {
        rows.push(Row::new(format!("{what}: a message through one step"), message, ""));
        rows.push(Row::new(format!("{what}: each further step"), step, ""));
    };
    add("native processors that do nothing, 64 messages at a time", counts(natively, together)?);
    add("steps by value that hand it on, one message at a time", counts(guest("pass-by-value"), alone)?);
    add("steps as the SDK makes them, one message at a time", counts(guest("pass"), alone)?);
    add("the same, 64 messages at a time", counts(guest("pass"), together)?);
    add("steps that read two fields, 64 messages at a time", counts(guest("fields"), together)?);
    Ok(rows)
}

/// Allocations for each message.
#[derive(Debug, PartialEq)]
struct Counts {
    /// Through one step.
    message: f64,
    /// For each step more.
    step: f64,
}

fn counts(plan: impl Fn(usize) -> anyhow::Result<Plan>, run: Run) -> anyhow::Result<Counts> {
    let mut batch = Batch::of(&message::of(message::BYTES), BATCH);
    let mut count = |steps| {
        let plan = plan(steps)?;
        (0..WARM).try_for_each(|_| run(&mut batch, &plan))?;
        let all = allocations::of(|| (0..COUNTED).try_for_each(|_| run(&mut batch, &plan)))?;
        anyhow::Ok(all as f64 / (COUNTED * BATCH) as f64)
    };
    let (short, long) = (count(SHORT)?, count(LONG)?);
    Ok(Counts { message: short, step: (long - short) / (LONG - SHORT) as f64 })
}

/// A chain of steps that do nothing and are no guests: what the engine allocates by itself.
fn natively(steps: usize) -> anyhow::Result<Plan> {
    plans::compile(&plans::text("nothing", "", steps), &Natively)
}

/// Has one processor, under every name.
struct Natively;

impl Catalog for Natively {
    fn resolve(&self, wanted: &Wanted) -> Result<Resolved, Vec<Refusal>> {
        let version = semver::Version::new(1, 0, 0);
        let bundle = BundleRef { name: wanted.name.clone(), version, digest: Digest([0; 32]) };
        Ok(Resolved { bundle, processor: Arc::new(Nothing) })
    }
}

struct Nothing;

impl Processor for Nothing {
    fn process(&self, _: &Message, _: &mut Call) -> Result<Outcome, Fault> {
        Ok(Outcome::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_further_step_that_changes_nothing_allocates_nothing() {
        for run in [Batch::one_by_one as Run, |batch, plan| batch.together(plan, BATCH)] {
            let Counts { message, step } = counts(natively, run).unwrap();
            assert_eq!(step, 0.0);
            // Its texts, three of them, are its own.
            assert!(message >= 3.0, "{message}");
        }
    }
}
