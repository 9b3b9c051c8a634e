//! A generation: one plan, from the moment it goes live until its last message is settled.
//!
//! Ownership is the bookkeeping. The table holds the current generation of a chain, every message in flight holds the
//! one it began under ([`Pin`]); when the last holder lets go, the generation is dropped, its processors with
//! it, and whoever waits for the drain gets the final count. There is no moment at which it could be
//! counted as empty and then be used once more.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use chain::{Definition, Plan};
use metrics::Gauge;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::{Fault, Streams, meters::Meters, metric, time};

/// What became of a generation's messages. At the end `taken = out + term + dead + returned`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Messages that began under it.
    #[serde(rename = "in")]
    pub taken: u64,
    /// Of these, those that reached the chain's output.
    pub out: u64,
    /// Those that a step ended.
    pub term: u64,
    /// Those that were put aside as dead letters.
    pub dead: u64,
    /// Those given back to the bus unsettled, to begin again: their lane failed or closed, or they went on to a
    /// newer generation under `on_failure = "retry"`.
    pub returned: u64,
    /// Those in flight.
    pub in_flight: u64,
    /// Steps passed over under `on_failure = "skip"`. These messages went on.
    pub skipped: u64,
}

impl Tally {
    /// Whether every message that began has ended.
    #[must_use]
    pub fn balances(&self) -> bool {
        self.in_flight == 0 && self.taken == self.out + self.term + self.dead + self.returned
    }
}

/// How a message ended, as the tally counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Out,
    Term,
    Dead,
}

/// One plan, live.
pub(crate) struct Live {
    pub(crate) generation: u64,
    pub(crate) plan: Plan,
    /// What the plan was compiled from, to say what the next one changes.
    pub(crate) definition: Definition,
    pub(crate) streams: Streams,
    pub(crate) since_ms: u64,
    /// Of each step `id@version`, as traces name it.
    pub(crate) labels: Vec<String>,
    pub(crate) meters: Meters,
    pub(crate) fault: Option<Fault>,
    counts: Counts,
    alive: Gauge,
    gone: Option<oneshot::Sender<Tally>>,
}

/// Tells when a generation has ended, and what became of its messages.
pub(crate) type Drained = oneshot::Receiver<Tally>;

#[derive(Default)]
struct Counts {
    taken: AtomicU64,
    out: AtomicU64,
    term: AtomicU64,
    dead: AtomicU64,
    returned: AtomicU64,
    skipped: AtomicU64,
}

impl Live {
    pub(crate) fn new(
        generation: u64,
        plan: Plan,
        definition: Definition,
        streams: Streams,
        fault: Option<Fault>,
    ) -> (Arc<Self>, Drained) {
        let (gone, drained) = oneshot::channel();
        let alive = metrics::gauge!(metric::GENERATIONS_LIVE);
        alive.increment(1.0);
        let live = Self {
            generation,
            labels: plan.steps.iter().map(|step| format!("{}@{}", step.id, step.bundle.version)).collect(),
            meters: Meters::of(&plan),
            fault,
            plan,
            definition,
            streams,
            since_ms: time::now_ms(),
            counts: Counts::default(),
            alive,
            gone: Some(gone),
        };
        (Arc::new(live), drained)
    }

    pub(crate) fn tally(&self) -> Tally {
        let Counts { taken, out, term, dead, returned, skipped } = &self.counts;
        // Ends are read before beginnings, so that a count taken on the way never ends more than began.
        let (out, term, dead) = (out.load(Relaxed), term.load(Relaxed), dead.load(Relaxed));
        let (returned, skipped, taken) = (returned.load(Relaxed), skipped.load(Relaxed), taken.load(Relaxed));
        let in_flight = taken.saturating_sub(out + term + dead + returned);
        Tally { taken, out, term, dead, returned, in_flight, skipped }
    }

    /// Notes steps that were passed over.
    pub(crate) fn count_skipped(&self, steps: usize) {
        self.counts.skipped.fetch_add(steps as u64, Relaxed);
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.alive.decrement(1.0);
        if let Some(gone) = self.gone.take() {
            // Nobody waits when the node itself is closing.
            let _ = gone.send(self.tally());
        }
    }
}

/// One message's hold on the generation it began under. Dropped unended, it counts as returned.
pub(crate) struct Pin {
    live: Arc<Live>,
    ended: bool,
}

impl Pin {
    pub(crate) fn new(live: Arc<Live>) -> Self {
        live.counts.taken.fetch_add(1, Relaxed);
        Self { live, ended: false }
    }

    /// The message is settled.
    pub(crate) fn end(mut self, ending: Ending) {
        self.ended = true;
        let counts = &self.live.counts;
        match ending {
            Ending::Out => &counts.out,
            Ending::Term => &counts.term,
            Ending::Dead => &counts.dead,
        }
        .fetch_add(1, Relaxed);
    }
}

impl std::ops::Deref for Pin {
    type Target = Arc<Live>;
    fn deref(&self) -> &Arc<Live> {
        &self.live
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        if !self.ended {
            self.live.counts.returned.fetch_add(1, Relaxed);
        }
    }
}
