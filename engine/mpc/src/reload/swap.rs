//! Putting plans in place: number the generations, swap the table once, fit the lanes to it, and account for it all.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use bus::{StreamSpec, Unread};
use chain::Source;
use model::Name;
use tokio::time::timeout;

use super::{
    Reloader, diff,
    prepare::{Proposal, Ready, What},
    rings::{self, RING},
    shelf::Changed,
};
use crate::{
    Options, Receipt, RefusalStatus, Result, StepStatus, Streams,
    board::FileNote,
    generation::{Drained, Live},
    history::History,
    lane::{blocking, sentence},
    metric,
    receipt::{Change, Mistake, Phases, Refusal, Verdict},
    table::Chains,
    time::{self, millis},
};

/// Refusals that may pass without any file changing.
const NO_BUS: &str = "mpc::no-bus";
const NO_STORE: &str = "mpc::no-store";
const UNKNOWN_INPUT: &str = "mpc::unknown-input";

/// A receipt, and what it still waits for.
pub(super) struct Pending {
    pub(super) receipt: Receipt,
    pub(super) drain: Option<Drain>,
}

/// An old generation on its way out.
pub(super) struct Drain {
    drained: Drained,
    live: Weak<Live>,
    since: Instant,
}

impl Reloader {
    /// Puts in place what can be, and answers the receipts of everything.
    pub(super) async fn go_live(
        &mut self,
        proposals: Vec<Proposal>,
        changed: &Changed,
        read: Duration,
    ) -> Vec<Pending> {
        let old = self.table.all();
        let (proposals, specs) = self.with_streams(proposals).await;
        let streams = Streams::from(specs.clone());
        // After the streams: where a text is refused for those, the chain as it was goes on and may be part of a ring.
        let proposals = self.numbered(rings::refuse(proposals, &old)).await;
        let swapping = Instant::now();
        let mut next = old.clone();
        let (mut pending, mut untouched) = (Vec::new(), Vec::new());
        let mut sources = HashMap::new();
        for (proposal, generation) in proposals {
            sources.extend(proposal.ready().map(|ready| (ready.plan.id.clone(), ready.source.clone())));
            let news = self.is_news(&proposal, changed);
            let receipt = self.place(proposal, generation, &streams, &old, &mut next);
            if news {
                pending.push(Pending { receipt, drain: None });
            } else if let Some(live) = receipt.chain.as_ref().and_then(|chain| next.get(chain))
                && live.plan.steps.iter().any(|step| changed.bundles.contains(&step.bundle.name))
            {
                untouched.extend(receipt.chain.zip(receipt.generation));
            }
        }
        self.remove_unclaimed(&mut next, changed, &mut pending);
        self.table.swap(next.clone());
        self.lanes.fit(&next);
        for Pending { receipt, .. } in &mut pending {
            let chain = receipt.chain.as_ref().filter(|_| receipt.verdict == Verdict::Live);
            let live = chain.and_then(|chain| next.get(chain).zip(sources.get(chain)));
            receipt.warnings =
                live.map(|(live, source)| warnings(live, source, &next, &specs)).unwrap_or_default();
        }
        drop(next);
        let swap_ms = millis(swapping.elapsed());
        for Pending { receipt, drain } in &mut pending {
            receipt.phases.read_ms = millis(read);
            receipt.refused.clone_from(&changed.refused);
            if matches!(receipt.verdict, Verdict::Live | Verdict::Removed) {
                receipt.phases.swap_ms = swap_ms;
            }
            let replaced = receipt.replaced.and(receipt.chain.as_ref());
            if let Some((chain, live)) = replaced.and_then(|chain| old.get_key_value(chain)) {
                let drained = self.drains.remove(&(chain.clone(), live.generation));
                *drain = drained.map(|drained| Drain {
                    drained,
                    live: Arc::downgrade(live),
                    since: Instant::now(),
                });
            }
        }
        pending.extend(about_bundles(changed, read, &pending, &untouched));
        pending
    }

    /// Whether a receipt is due: not for a file that is refused again for what it was refused for before.
    fn is_news(&self, proposal: &Proposal, changed: &Changed) -> bool {
        let before = self.shelf.lock().refusal(&proposal.path);
        let itself = changed.causes.iter().any(|cause| cause.path == proposal.path);
        match &proposal.what {
            What::Ready(_) => true,
            What::Unchanged => itself || before.is_some(),
            What::Refused(refusal) => itself || before.as_ref() != Some(refusal),
        }
    }

    /// Makes sure that the streams of outputs exist; refuses chains whose input does not.
    async fn with_streams(&self, mut proposals: Vec<Proposal>) -> (Vec<Proposal>, Vec<StreamSpec>) {
        let ready: Vec<&Ready> = proposals.iter().filter_map(Proposal::ready).collect();
        let outputs = ready.iter().flat_map(|ready| &ready.plan.outputs).map(|output| output.stream.clone());
        let provisioned = self.provisioned(outputs.collect()).await;
        let streams = provisioned.as_ref().map(|(specs, refused)| (Streams::from(specs.clone()), refused));
        for proposal in &mut proposals {
            let Some(ready) = proposal.ready() else { continue };
            let file = proposal.path.display().to_string();
            let refusal = match &streams {
                Err(error) => Refusal::whole(&file, NO_BUS, sentence(error), None),
                Ok((streams, refused)) if streams.partitions(&ready.plan.input).is_some() => {
                    let mut outputs = ready.plan.outputs.iter();
                    let Some(why) = outputs.find_map(|output| refused.get(&output.stream)) else { continue };
                    Refusal::whole(&file, NO_BUS, why.clone(), None)
                }
                Ok((streams, _)) => {
                    let message = format!("there is no stream `{}` to read", ready.plan.input);
                    let names: Vec<_> = streams.names().iter().map(|name| format!("`{name}`")).collect();
                    let hint = format!("there are {}", names.join(", "));
                    Refusal::whole(&file, UNKNOWN_INPUT, message, Some(hint))
                }
            };
            proposal.what = What::Refused(refusal);
        }
        (proposals, provisioned.unwrap_or_default().0)
    }

    /// The streams there are, those in `wanted` among them, and of those that the bus does not make why.
    async fn provisioned(&self, wanted: Vec<Name>) -> Result<(Vec<StreamSpec>, BTreeMap<Name, String>)> {
        let bus = &self.parts.bus;
        let there = bus.streams().await?;
        let change = |name: Name| output_spec(&there, name, &self.options);
        let changes: Vec<_> = wanted.into_iter().filter_map(change).collect();
        if changes.is_empty() {
            return Ok((there, BTreeMap::new()));
        }
        let mut refused = BTreeMap::new();
        for spec in changes {
            match bus.provision(&spec).await {
                // Of no concern to chains that do not lead there.
                Err(error) if !error.retryable() => drop(refused.insert(spec.name, sentence(&error))),
                provisioned => provisioned?,
            }
        }
        Ok((bus.streams().await?, refused))
    }

    /// Gives each plan that is ready its number; the numbers are durable before any plan is live.
    async fn numbered(&self, mut proposals: Vec<Proposal>) -> Vec<(Proposal, u64)> {
        let count = proposals.iter().filter(|proposal| proposal.ready().is_some()).count() as u64;
        let history = Arc::clone(&self.history);
        let first = match count {
            0 => Ok(0),
            _ => blocking(move || history.take_generations(count)).await.flatten(),
        };
        let mut generation = match first {
            Ok(first) => first,
            Err(error) => {
                for proposal in proposals.iter_mut().filter(|proposal| proposal.ready().is_some()) {
                    let file = proposal.path.display().to_string();
                    proposal.what = What::Refused(Refusal::whole(&file, NO_STORE, sentence(&error), None));
                }
                0
            }
        };
        let number = |proposal: Proposal| {
            let own = generation;
            generation += u64::from(proposal.ready().is_some());
            (proposal, own)
        };
        proposals.into_iter().map(number).collect()
    }

    /// Takes one proposal over into `next`, and notes what became of it.
    fn place(
        &mut self,
        proposal: Proposal,
        generation: u64,
        streams: &Streams,
        old: &Chains,
        next: &mut Chains,
    ) -> Receipt {
        let Proposal { path, chain, cause, phases, what } = proposal;
        // A text that is refused changes nothing, the name of the chain that runs from its file included.
        let chain = match what {
            What::Refused(_) => self.shelf.lock().runs_from(&path).or(chain),
            _ => chain,
        };
        let running = chain.as_ref().and_then(|chain| old.get(chain));
        let mut receipt = Receipt {
            chain: chain.clone(),
            generation: running.map(|live| live.generation),
            cause,
            steps: running.map(|live| StepStatus::of(&live.plan)).unwrap_or_default(),
            phases,
            ..Receipt::new(Verdict::Unchanged)
        };
        let mut refused = None;
        match what {
            What::Unchanged => {
                if self.board.read().files.get(&path).is_some_and(|note| note.refused.is_some()) {
                    receipt.changes.push("the file is in order again".to_owned());
                }
                if let Some(chain) = &chain {
                    self.shelf.lock().claim(chain, &path);
                }
            }
            What::Ready(ready) => {
                let Ready { plan, definition, wanderers, .. } = *ready;
                let before =
                    running.map(|live| diff::Side { definition: &live.definition, plan: &live.plan });
                receipt.verdict = Verdict::Live;
                receipt.changes = diff::describe(before, diff::Side { definition: &definition, plan: &plan });
                receipt.steps = StepStatus::of(&plan);
                receipt.replaced = receipt.generation.replace(generation);
                self.shelf.lock().claim(&plan.id, &path);
                let id = plan.id.clone();
                let (live, drained) =
                    Live::new(generation, plan, definition, streams.clone(), self.options.fault);
                self.drains.insert((id.clone(), generation), drained);
                self.wanderers.write().extend(wanderers);
                next.insert(id, live);
            }
            What::Refused(refusal) => {
                receipt.verdict = Verdict::Refused;
                receipt.faults.clone_from(&refusal.mistakes);
                receipt.report = Some(refusal.report.clone());
                refused = Some(RefusalStatus {
                    at_ms: receipt.at_ms,
                    faults: refusal.mistakes.clone(),
                    report: refusal.report.clone(),
                });
                self.shelf.lock().refuse(&path, refusal);
            }
        }
        self.board.write(|notes| {
            notes.files.insert(path, FileNote { chain, refused });
        });
        receipt
    }

    /// Takes chains out of `next` that no file stands for any more.
    fn remove_unclaimed(&self, next: &mut Chains, changed: &Changed, pending: &mut Vec<Pending>) {
        let shelf = self.shelf.lock();
        let notes = self.board.read();
        let gone = changed.causes.iter().filter(|cause| cause.change == Change::Removed);
        for cause in gone {
            let note = notes.files.get(&cause.path).filter(|note| note.refused.is_some());
            let ran = |chain: &Name| next.contains_key(chain) && !shelf.is_claimed(chain);
            // Where a chain ran from it, its end is told below.
            if note.is_some_and(|note| !note.chain.as_ref().is_some_and(ran)) {
                let receipt = Receipt {
                    cause: vec![cause.clone()],
                    changes: vec!["the file that was refused is gone; no chain ran from it".to_owned()],
                    ..Receipt::new(Verdict::Removed)
                };
                pending.push(Pending { receipt, drain: None });
            }
        }
        for (id, live) in next.extract_if(.., |id, _| !shelf.is_claimed(id)) {
            let receipt = Receipt {
                chain: Some(id.clone()),
                replaced: Some(live.generation),
                cause: changed.causes.clone(),
                changes: vec![format!("chain {id} removed")],
                ..Receipt::new(Verdict::Removed)
            };
            pending.push(Pending { receipt, drain: None });
        }
        self.board.write(|notes| {
            notes.files.retain(|path, _| shelf.means_something(path));
            notes.bundles.present.clone_from(&shelf.loaded.present);
            notes.bundles.refused.clone_from(&shelf.loaded.refused);
        });
    }
}

/// Where bundles changed and no chain has anything to say about it: those in `untouched` use them and run on.
fn about_bundles(
    changed: &Changed,
    read: Duration,
    others: &[Pending],
    untouched: &[(Name, u64)],
) -> Option<Pending> {
    if !changed.reopened || !others.is_empty() {
        return None;
    }
    let verdict = if changed.refused.is_empty() { Verdict::Unchanged } else { Verdict::Refused };
    let kept = changed.refused.iter().filter_map(|file| file.kept.as_ref());
    let kept = kept.map(|bundle| format!("{bundle}, which was there before, stays in use"));
    let chains =
        untouched.iter().map(|(chain, generation)| format!("{chain}: generation {generation} runs on"));
    let mut changes: Vec<_> = kept.chain(chains).collect();
    if changes.is_empty() && verdict == Verdict::Unchanged {
        changes.push("no chain depends on it".to_owned());
    }
    let receipt = Receipt {
        cause: changed.causes.clone(),
        changes,
        refused: changed.refused.clone(),
        phases: Phases { read_ms: millis(read), ..Phases::default() },
        ..Receipt::new(verdict)
    };
    Some(Pending { receipt, drain: None })
}

/// What is hardly meant about a chain that just went live among `chains`. A stream that was made for an output and that no
/// chain takes as its input is read by nobody; what somebody else provisioned has a reader.
fn warnings(live: &Live, source: &Source, chains: &Chains, streams: &[StreamSpec]) -> Vec<Mistake> {
    let inputs = chains.values().map(|chain| chain.plan.input.as_str());
    let provisioned =
        streams.iter().filter(|spec| spec.unread == Unread::Keep).map(|spec| spec.name.as_str());
    let read: Vec<_> = inputs.chain(provisioned).collect();
    live.definition.unread_outputs(source, &read).as_ref().map(Mistake::all).unwrap_or_default()
}

/// How the stream of an output is to be; `None` where it is so. What somebody else provisioned is left as it is: only
/// streams made here let go of what nobody reads.
fn output_spec(there: &[StreamSpec], name: Name, options: &Options) -> Option<StreamSpec> {
    let found = there.iter().find(|spec| spec.name == name);
    let partitions = found.map_or(options.partitions, |spec| spec.partitions);
    let wanted = StreamSpec::new(name, partitions).retaining(options.outputs_retain_messages).letting_go();
    match found {
        Some(found) if found.unread == Unread::Keep || *found == wanted => None,
        _ => Some(wanted),
    }
}

/// Whether a refusal may pass without any file changing.
pub(super) fn may_pass(refusal: &Refusal) -> bool {
    let may = [NO_BUS, NO_STORE, UNKNOWN_INPUT, RING, chain::Code::NoInstance.as_str()];
    refusal.mistakes.iter().any(|mistake| may.contains(&mistake.code.as_str()))
}

impl Proposal {
    pub(super) fn ready(&self) -> Option<&Ready> {
        match &self.what {
            What::Ready(ready) => Some(ready),
            _ => None,
        }
    }
}

impl Pending {
    /// Waits for the old generation, at most `drain_max`, and hands the receipt over.
    pub(super) async fn conclude(self, drain_max: Duration, history: Arc<History>) {
        let Self { mut receipt, drain } = self;
        if let Some(Drain { drained, live, since }) = drain {
            match timeout(drain_max, drained).await {
                Ok(tally) => receipt.messages = tally.ok(),
                Err(_) => {
                    receipt.messages = live.upgrade().map(|live| live.tally());
                    receipt.drained = receipt.messages.is_none();
                }
            }
            receipt.phases.drain_ms = millis(since.elapsed());
        }
        receipt.at_ms = time::now_ms();
        metrics::counter!(metric::RELOADS, "verdict" => receipt.verdict.as_str()).increment(1);
        log(&receipt);
        if let Err(error) = blocking(move || history.append(receipt)).await.flatten() {
            tracing::error!(error = sentence(&error), "a receipt could not be kept");
        }
    }
}

fn log(receipt: &Receipt) {
    let chain = receipt.chain.as_ref().map(Name::as_str);
    let (subject, outcome) = (receipt.subject(), receipt.outcome());
    let changes = receipt.changes.join("; ");
    match receipt.verdict {
        Verdict::Refused => {
            let generation = receipt.generation;
            tracing::warn!(chain, generation, changes, "{subject}: {outcome}");
            // A line each: whoever reads a log reads lines.
            for fault in &receipt.faults {
                tracing::warn!(chain, generation, "{fault}");
            }
            for file in &receipt.refused {
                tracing::warn!(chain, generation, "{}: {}", file.path.display(), file.reason);
            }
        }
        _ => tracing::info!(chain, generation = receipt.generation, changes, "{subject}: {outcome}"),
    }
    for warning in &receipt.warnings {
        tracing::warn!(chain, generation = receipt.generation, "{warning}");
    }
}
