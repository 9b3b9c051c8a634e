//! A chain compiled: every name resolved, every processor loaded, nothing left to look up by text
//! but what a guest says.

use std::{fmt, sync::Arc};

use model::{BundleRef, Digest, Limits, Name, Processor, Resolved};
use serde::Serialize;

use crate::{
    Definition, OnFailure, Source,
    definition::{Grant, Test},
    validate::Wiring,
};

/// One chain, ready to run. Immutable and shared; see [`execute`](Plan::execute).
#[derive(Debug)]
pub struct Plan {
    /// The chain's name.
    pub id: Name,
    /// The digest of the source text: with the steps' bundles, all that a plan depends on.
    pub source_digest: Digest,
    /// The stream it reads.
    pub input: Name,
    /// The output that the last step's `next` leads to.
    pub output: Name,
    /// All outputs by name, the chain's own among them.
    pub outputs: Vec<Output>,
    /// What becomes of a message that failed for good.
    pub on_failure: OnFailure,
    /// Attempts at one message before a fault that could be retried counts as final.
    pub attempts_max: u32,
    /// Steps one message may visit.
    pub hops_max: u32,
    /// The steps, in the order of the file; paths and emissions point into them.
    pub steps: Vec<Step>,
    pub(crate) entry: usize,
    pub(crate) tests: Vec<Test>,
    keeps_state: bool,
}

/// A place where messages leave the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Output {
    /// What the chain calls it.
    pub name: Name,
    /// The stream it leads to.
    pub stream: Name,
}

/// One place in a plan.
pub struct Step {
    /// Its name in the chain.
    pub id: Name,
    /// Exactly which code runs here.
    pub bundle: BundleRef,
    /// The code.
    pub processor: Arc<dyn Processor>,
    /// Bounds of one call.
    pub limits: Limits,
    /// Whether a message may go on without it, in a chain that skips failures.
    pub advisory: bool,
    /// Whether each message gets an instance of its own.
    pub fresh_instance: bool,
    /// Visits by one message at most.
    pub visits_max: Option<u32>,
    /// Outputs it may emit to.
    pub outputs: Vec<Name>,
    /// The step that `next` leads to; `None` is the chain's output.
    pub next: Option<usize>,
    /// The steps it may jump to, by id and index.
    pub jumps: Vec<(Name, usize)>,
    /// Mixed into the seed of a message, so that each step has random bits of its own.
    pub(crate) seed: u64,
}

impl Plan {
    /// Puts a plan together from parts without mistakes: `resolved` has one entry per step.
    pub(crate) fn assemble(
        source: &Source,
        definition: Definition,
        wiring: Wiring,
        resolved: Vec<Resolved>,
    ) -> Self {
        let hops_max = definition.hops_max();
        let outputs = definition.outputs_all();
        let Definition { chain, steps, tests, .. } = definition;
        let keeps_state = steps.iter().any(|step| step.grants.iter().any(|g| g.value == Grant::State));
        let wired = wiring.next.into_iter().zip(wiring.jumps);
        let steps = steps.into_iter().zip(resolved).zip(wired);
        let steps = steps.map(|((step, resolved), (next, jumps))| Step {
            seed: seed(&step.id),
            limits: (&step.limits).into(),
            advisory: step.advisory,
            fresh_instance: step.fresh_instance,
            visits_max: step.visits_max.as_ref().map(|visits| visits.get()),
            outputs: step.granted_outputs().cloned().collect(),
            id: step.id.value,
            bundle: resolved.bundle,
            processor: resolved.processor,
            next,
            jumps: jumps.into_iter().map(|jump| (jump.name, jump.to)).collect(),
        });
        Self {
            id: chain.id.value,
            source_digest: source.digest(),
            input: chain.input.value,
            output: chain.output.value,
            outputs,
            on_failure: chain.on_failure.value,
            attempts_max: chain.attempts_max,
            hops_max,
            steps: steps.collect(),
            entry: wiring.entry,
            tests,
            keeps_state,
        }
    }

    /// The output of this name.
    #[must_use]
    pub fn output(&self, name: &str) -> Option<&Output> {
        self.outputs.iter().find(|o| &*o.name == name)
    }

    /// The index of the step of this id.
    #[must_use]
    pub fn step_index(&self, id: &str) -> Option<usize> {
        self.steps.iter().position(|s| &*s.id == id)
    }

    /// Whether a step of it may keep state, so that a message may depend on the one of its key before it.
    #[must_use]
    pub fn keeps_state(&self) -> bool {
        self.keeps_state
    }

    /// How many inline tests the chain has.
    #[must_use]
    pub fn test_count(&self) -> usize {
        self.tests.len()
    }
}

/// The same for every plan that has a step of this id, so that a swap does not change what a message
/// in flight draws.
fn seed(id: &Name) -> u64 {
    let hash = blake3::hash(id.as_bytes());
    hash.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step")
            .field("id", &self.id)
            .field("bundle", &self.bundle)
            .field("next", &self.next)
            .field("jumps", &self.jumps)
            .finish_non_exhaustive()
    }
}
