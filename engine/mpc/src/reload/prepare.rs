//! From settled files to plans that could go live: compile, load and warm, run the chain's own tests. Blocking.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use chain::{Definition, Plan, Source};
use model::{Catalog, Name};

use super::shelf::{Changed, Shelf};
use crate::{
    Fault,
    generation::Live,
    pin_fault::{Current, Unpinned, Wanderer},
    receipt::{Cause, Change, Phases, Refusal},
    table::Chains,
    time::millis,
};

/// What one chain file amounts to.
pub(super) struct Proposal {
    pub(super) path: PathBuf,
    /// The chain, as far as the file says or ever said.
    pub(super) chain: Option<Name>,
    pub(super) cause: Vec<Cause>,
    pub(super) phases: Phases,
    pub(super) what: What,
}

pub(super) enum What {
    /// It could go live.
    Ready(Box<Ready>),
    /// It is what runs already.
    Unchanged,
    /// It cannot run.
    Refused(Refusal),
}

pub(super) struct Ready {
    pub(super) plan: Plan,
    pub(super) definition: Definition,
    pub(super) source: Source,
    /// Under the planted bug: what takes its place in every plan once this one is live.
    pub(super) wanderers: Vec<Wanderer>,
}

/// What plans are made against.
pub(super) struct Against<'a> {
    pub(super) live: &'a Chains,
    /// Files that are away, for good or for a moment.
    pub(super) away: &'a HashSet<PathBuf>,
    pub(super) fault: Option<Fault>,
    pub(super) current: &'a Current,
}

/// Makes a proposal of every chain file that `changed` concerns.
pub(super) fn prepare(shelf: &Shelf, changed: &Changed, against: &Against<'_>) -> Vec<Proposal> {
    let mut taken: Vec<(Name, PathBuf)> = Vec::new();
    let mut proposals = Vec::new();
    // What is about to be removed has nothing to say, and gives way to a file of the same chain. Unless it changed just
    // before: should it come back as it went, nobody would mention it again.
    let itself = |path: &&PathBuf| changed.causes.iter().any(|cause| cause.path == **path);
    for path in shelf.chains.keys().filter(|path| itself(path) || !against.away.contains(*path)) {
        let cause = causes(shelf, path, changed, against.live);
        if cause.is_empty() {
            continue;
        }
        let proposal = propose(shelf, path, cause, &taken, against);
        if let (What::Ready(_) | What::Unchanged, Some(chain)) = (&proposal.what, &proposal.chain) {
            taken.push((chain.clone(), path.clone()));
        }
        proposals.push(proposal);
    }
    proposals
}

/// Why the file at `path` has to be looked at; nothing when it has not.
fn causes(shelf: &Shelf, path: &Path, changed: &Changed, live: &Chains) -> Vec<Cause> {
    let Some(file) = shelf.chains.get(path) else { return Vec::new() };
    let itself = changed.causes.iter().filter(|cause| cause.path == path);
    let plan = file.chain.as_ref().and_then(|chain| live.get(chain)).map(|live| &live.plan);
    let uses = |plan: &Plan| plan.steps.iter().any(|step| changed.bundles.contains(&step.bundle.name));
    let affected = file.refusal.is_some() || plan.is_some_and(uses);
    let others = changed.causes.iter().filter(|cause| affected && cause.path != path);
    let mut causes: Vec<_> = itself.chain(others).cloned().collect();
    // What was refused may be mended by any change: a bundle that came, a file of the same chain that went; or by
    // time, when it was bus or store that refused.
    if affected && !causes.iter().any(|cause| cause.path == path) {
        causes.insert(0, Cause { path: path.to_owned(), change: Change::Affected });
    }
    causes
}

fn propose(
    shelf: &Shelf,
    path: &Path,
    cause: Vec<Cause>,
    taken: &[(Name, PathBuf)],
    against: &Against<'_>,
) -> Proposal {
    let mut phases = Phases::default();
    let mut chain = shelf.chains.get(path).and_then(|file| file.chain.clone());
    let what = match compile(shelf, path, &mut chain, taken, against, &mut phases) {
        Ok(Some(ready)) => What::Ready(Box::new(ready)),
        Ok(None) => What::Unchanged,
        Err(refusal) => What::Refused(refusal),
    };
    Proposal { path: path.to_owned(), chain, cause, phases, what }
}

/// `Ok(None)` when the result is what runs already.
fn compile(
    shelf: &Shelf,
    path: &Path,
    chain: &mut Option<Name>,
    taken: &[(Name, PathBuf)],
    against: &Against<'_>,
    phases: &mut Phases,
) -> Result<Option<Ready>, Refusal> {
    let name = path.display().to_string();
    let started = Instant::now();
    let bytes = shelf.chains.get(path).map(|file| file.bytes.clone()).unwrap_or_default();
    let source = Source::from_bytes(path, &bytes)
        .map_err(|error| Refusal::whole(&name, "mpc::unreadable", error.to_string(), None))?;
    let definition = chain::parse(&source);
    if let Ok(definition) = &definition {
        *chain = Some(definition.chain.id.value.clone());
    }
    let unpinned = match (against.fault, &chain) {
        (Some(Fault::NoGenerationPin), Some(chain)) => {
            let inner = Arc::clone(&shelf.loaded.catalog);
            Some(Unpinned::new(inner, chain.clone(), Arc::clone(against.current)))
        }
        _ => None,
    };
    let catalog = unpinned.as_ref().map_or(&*shelf.loaded.catalog, |unpinned| unpinned as &dyn Catalog);
    let plan = chain::compile(&source, catalog).map_err(|faults| Refusal::from(&faults))?;
    let definition = definition.map_err(|faults| Refusal::from(&faults))?;
    phases.compile_ms = millis(started.elapsed());
    let taken = taken.iter().find(|(other, _)| *other == plan.id).map(|(_, other)| other);
    if let Some(other) = taken.or(shelf.other_owner(&plan.id, path, against.away)) {
        let message = format!("chain `{}` is defined in `{}` already", plan.id, other.display());
        let hint = "give one of them another `id`".to_owned();
        return Err(Refusal::whole(&name, "mpc::duplicate-chain", message, Some(hint)));
    }
    if against.live.get(&plan.id).is_some_and(|live| is_same(live, &plan)) {
        return Ok(None);
    }
    let started = Instant::now();
    let reports = plan.run_tests();
    phases.test_ms = millis(started.elapsed());
    if reports.iter().any(|report| !report.passed()) {
        return Err(Refusal::tests(&source, &reports));
    }
    let wanderers = unpinned.map(Unpinned::into_wanderers).unwrap_or_default();
    Ok(Some(Ready { plan, definition, source, wanderers }))
}

/// A plan depends on its text and its bundles, and on nothing else.
fn is_same(live: &Live, plan: &Plan) -> bool {
    let bundles = |plan: &Plan| plan.steps.iter().map(|step| step.bundle.digest).collect::<Vec<_>>();
    live.plan.source_digest == plan.source_digest && bundles(&live.plan) == bundles(plan)
}
