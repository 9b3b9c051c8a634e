//! The live plans, all of them behind one pointer: a swap of several chains is seen whole or not at all.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
};

use arc_swap::ArcSwap;
use model::Name;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::{GenerationStatus, StepStatus, generation::Live};

/// So often the bus may say that somebody reads a stream for a chain that is gone here: with a scan every five seconds, ten times as long
/// as a lease outlives its holder.
const READ_MAX: u32 = 12;

/// Chain → the generation that new messages begin under.
pub(crate) type Chains = BTreeMap<Name, Arc<Live>>;

/// One writer (the reloader), any number of readers that never wait.
pub(crate) struct Table {
    current: ArcSwap<Chains>,
    /// Every generation that may still be in memory, oldest first.
    known: Mutex<Vec<Weak<Live>>>,
    swapped: watch::Sender<u64>,
    /// Chains that are gone, with the stream they read, where the bus has not heard of it yet; and how often it said that somebody
    /// still reads there.
    gone: Mutex<BTreeMap<(Name, Name), u32>>,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self {
            current: ArcSwap::default(),
            known: Mutex::default(),
            swapped: watch::Sender::new(0),
            gone: Mutex::default(),
        }
    }

    /// The live generation of `chain`. Holders keep it alive, so let go of it as soon as the message allows.
    pub(crate) fn live(&self, chain: &str) -> Option<Arc<Live>> {
        self.current.load().get(chain).cloned()
    }

    /// All of it, at this moment.
    pub(crate) fn all(&self) -> Chains {
        Chains::clone(&self.current.load())
    }

    /// Puts `chains` in place of what there was.
    pub(crate) fn swap(&self, chains: Chains) {
        {
            let mut known = self.known.lock();
            known.retain(|live| live.strong_count() > 0);
            let old = self.current.load();
            for (id, live) in &chains {
                if old.get(id).is_none_or(|old| old.generation != live.generation) {
                    known.push(Arc::downgrade(live));
                }
            }
        }
        self.current.store(Arc::new(chains));
        self.swapped.send_modify(|count| *count += 1);
    }

    /// Tells of every swap from now on.
    pub(crate) fn swaps(&self) -> watch::Receiver<u64> {
        self.swapped.subscribe()
    }

    /// Chains that are gone, each with the stream it read, of which the bus is still to hear.
    pub(crate) fn gone(&self) -> Vec<(Name, Name)> {
        self.gone.lock().keys().cloned().collect()
    }

    /// The bus has not heard that `chain` reads `stream` no longer.
    pub(crate) fn note_gone(&self, chain: &Name, stream: &Name) {
        self.gone.lock().entry((chain.clone(), stream.clone())).or_default();
    }

    /// As [`note_gone`](Self::note_gone), since somebody still reads there. One who died does so until its lease has run out; one who
    /// is alive sees to it alone, so that it is not asked for ever.
    pub(crate) fn note_read(&self, chain: &Name, stream: &Name) {
        let mut gone = self.gone.lock();
        let times = gone.entry((chain.clone(), stream.clone())).or_default();
        *times += 1;
        if *times > READ_MAX {
            gone.remove(&(chain.clone(), stream.clone()));
        }
    }

    /// The bus has heard it, or need not.
    pub(crate) fn note_heard(&self, chain: &Name, stream: &Name) {
        self.gone.lock().remove(&(chain.clone(), stream.clone()));
    }

    /// Every generation in memory, oldest first.
    pub(crate) fn generations(&self) -> Vec<GenerationStatus> {
        let current = self.all();
        let status = |live: Arc<Live>| GenerationStatus {
            generation: live.generation,
            chain: live.plan.id.clone(),
            current: current.get(&live.plan.id).is_some_and(|now| now.generation == live.generation),
            since_ms: live.since_ms,
            messages: live.tally(),
            steps: StepStatus::of(&live.plan),
        };
        let known: Vec<_> = self.known.lock().iter().filter_map(Weak::upgrade).collect();
        known.into_iter().map(status).collect()
    }
}
