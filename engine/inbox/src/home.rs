//! One shard as the rest of this process sees it: whether it is here, how far it is, and what may be read.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use arc_swap::ArcSwapOption;
use serde::{Deserialize, Serialize};
use store::Store;
use tokio::sync::watch;

use crate::{Error, Result, metric::Meters};

/// What a shard does in this process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// It is not this process's turn.
    #[default]
    Absent,
    /// Its store is opened, or its partition is waited for.
    Opening,
    /// It has its partition, and applies what stood in it before it may be read.
    CatchingUp {
        /// The last sequence that stood in the partition.
        last: u64,
    },
    /// It may be read, and applies what comes.
    Serving,
    /// It has stopped for good. Where it served before, what it has can still be read.
    Stopped,
}

impl Phase {
    /// `absent`, `opening`, `catching-up`, `serving` or `stopped`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Opening => "opening",
            Self::CatchingUp { .. } => "catching-up",
            Self::Serving => "serving",
            Self::Stopped => "stopped",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("it is not in this process"),
            Self::Opening => f.write_str("it is being opened"),
            Self::CatchingUp { last } => write!(f, "it has messages up to {last} to apply first"),
            Self::Serving => f.write_str("it serves"),
            Self::Stopped => f.write_str("it has stopped"),
        }
    }
}

/// What is known of a shard from outside.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) phase: Phase,
    /// Whether it has had its store and its partition, whatever came after.
    pub(crate) opened: bool,
    /// The last sequence whose effects are all there.
    pub(crate) applied: u64,
    /// Why it stopped, where it did.
    pub(crate) fault: Option<Error>,
    /// What it waits for to pass, where it does.
    pub(crate) trouble: Option<Error>,
}

impl State {
    /// Whether it may be read, or never will be.
    pub(crate) fn is_settled(&self) -> bool {
        matches!(self.phase, Phase::Serving | Phase::Stopped)
    }
}

/// One shard, in this process or not.
pub(crate) struct Home {
    pub(crate) shard: u32,
    state: watch::Sender<State>,
    /// What reads go to, for exactly as long as it serves.
    readable: ArcSwapOption<Arc<dyn Store>>,
    /// Counts the changes of any shard's phase.
    phases: watch::Sender<u64>,
    /// Made when the shard is first here: the others' would only be noise.
    meters: OnceLock<Meters>,
}

impl Home {
    pub(crate) fn new(shard: u32, phases: watch::Sender<u64>) -> Self {
        let (state, readable, meters) = Default::default();
        Self { shard, state, readable, phases, meters }
    }

    pub(crate) fn meters(&self) -> &Meters {
        self.meters.get_or_init(|| Meters::of(self.shard))
    }

    pub(crate) fn state(&self) -> State {
        self.state.borrow().clone()
    }

    pub(crate) fn applied(&self) -> u64 {
        self.state.borrow().applied
    }

    pub(crate) fn watch(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    /// Whether it may be read.
    pub(crate) fn serves(&self) -> bool {
        self.readable.load().is_some()
    }

    /// The store, to read from it.
    ///
    /// # Errors
    /// [`Error::Stopped`] with the fault, or [`Error::NotServing`].
    pub(crate) fn store(&self) -> Result<Arc<Arc<dyn Store>>> {
        if let Some(store) = self.readable.load_full() {
            return Ok(store);
        }
        let State { phase, fault, .. } = self.state();
        Err(match fault {
            Some(fault) => fault.stopped(self.shard),
            None => Error::NotServing { shard: self.shard, phase },
        })
    }

    pub(crate) fn enter(&self, phase: Phase) {
        self.state.send_modify(|state| {
            state.phase = phase;
            state.opened |= matches!(phase, Phase::CatchingUp { .. } | Phase::Serving);
            if phase != Phase::Stopped {
                state.fault = None;
            }
        });
        self.phases.send_modify(|changes| *changes += 1);
    }

    /// Lets reads in until the guard is dropped.
    pub(crate) fn serve(self: &Arc<Self>, store: Arc<dyn Store>) -> Serving {
        self.readable.store(Some(Arc::new(store)));
        self.meters().serving.set(1.0);
        self.enter(Phase::Serving);
        Serving(Arc::clone(self))
    }

    pub(crate) fn reached(&self, applied: u64) {
        self.state.send_modify(|state| {
            state.applied = applied;
            state.trouble = None;
        });
    }

    /// Says what it waits for to pass.
    pub(crate) fn wait_out(&self, trouble: Error) {
        self.state.send_modify(|state| state.trouble = Some(trouble));
    }

    /// It goes on no more.
    pub(crate) fn stop(&self, fault: Error) {
        self.state.send_modify(|state| {
            state.fault = Some(fault);
            state.trouble = None;
        });
        self.enter(Phase::Stopped);
    }

    /// It is here no more.
    pub(crate) fn leave(&self) {
        self.meters().lag.set(0.0);
        self.state.send_replace(State::default());
        self.enter(Phase::Absent);
    }
}

/// Reads are let in for as long as this lives.
pub(crate) struct Serving(Arc<Home>);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.readable.store(None);
        self.0.meters().serving.set(0.0);
        self.0.enter(Phase::Opening);
    }
}
