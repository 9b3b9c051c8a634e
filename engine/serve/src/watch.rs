//! What every open connection is doing, and since when.
//!
//! A connection notes its phase in one atomic word; a reaper looks over all of them twice a second and
//! closes those past their bound. That costs a busy connection two stores per request and no timer. When
//! every place is taken, [`Table::make_room`] gives up the connection that has waited longest for its
//! client, so that a flood of idle or slow connections cannot shut healthy clients out.

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::Options;

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Accepted; nothing has arrived.
    Fresh,
    /// Part of a request's head has arrived.
    Reading,
    /// A request is being worked on or answered.
    Serving,
    /// The work waits for more of the request's body.
    Body,
    /// Between requests.
    Idle,
}

const PHASE_BITS: u32 = 3;

/// One connection's phase, shared by its task, its socket and the table.
#[derive(Debug)]
pub(crate) struct Watch {
    epoch: Instant,
    /// Milliseconds since `epoch`, shifted left by [`PHASE_BITS`]; below them the phase.
    state: AtomicU64,
    /// When our writing began to wait for the client, in milliseconds since `epoch`; 0 when it does not.
    stalled: AtomicU64,
    /// Cancelled to close the connection.
    pub(crate) closing: CancellationToken,
}

impl Watch {
    fn new(epoch: Instant) -> Self {
        let watch = Self {
            epoch,
            state: AtomicU64::new(0),
            stalled: AtomicU64::new(0),
            closing: CancellationToken::new(),
        };
        watch.enter(Phase::Fresh);
        watch
    }

    fn now_ms(&self) -> u64 {
        millis(self.epoch.elapsed())
    }

    pub(crate) fn enter(&self, phase: Phase) {
        self.state.store(self.now_ms() << PHASE_BITS | phase as u64, Relaxed);
    }

    /// Whether a request is being worked on.
    pub(crate) fn busy(&self) -> bool {
        matches!(self.phase().0, Phase::Serving | Phase::Body)
    }

    /// The work waits for more of the body, or goes on. Either way it began when it began: a trickle does not
    /// make a connection look young.
    pub(crate) fn body_waits(&self, waits: bool) {
        let (before, since) = self.phase();
        let phase = if waits { Phase::Body } else { Phase::Serving };
        if before != phase {
            self.state.store(since << PHASE_BITS | phase as u64, Relaxed);
        }
    }

    /// Bytes arrived: the first ones of a request begin it, later ones do not prolong it.
    pub(crate) fn received(&self) {
        if matches!(self.phase().0, Phase::Fresh | Phase::Idle) {
            self.enter(Phase::Reading);
        }
    }

    /// Writing waits for the client, or goes on.
    pub(crate) fn write_waits(&self, waits: bool) {
        match (waits, self.stalled.load(Relaxed)) {
            (true, 0) => self.stalled.store(self.now_ms().max(1), Relaxed),
            (false, since) if since != 0 => self.stalled.store(0, Relaxed),
            _ => {}
        }
    }

    /// The phase and since when, in milliseconds since `epoch`.
    fn phase(&self) -> (Phase, u64) {
        let state = self.state.load(Relaxed);
        let phase = match state & ((1 << PHASE_BITS) - 1) {
            0 => Phase::Fresh,
            1 => Phase::Reading,
            2 => Phase::Serving,
            3 => Phase::Body,
            _ => Phase::Idle,
        };
        (phase, state >> PHASE_BITS)
    }

    /// Why the connection has to go at `now_ms`, if it has to.
    fn overdue(&self, options: &Options, now_ms: u64) -> Option<&'static str> {
        let (phase, since) = self.phase();
        let past = |since: u64, bound| now_ms.saturating_sub(since) > millis(bound);
        let stalled = self.stalled.load(Relaxed);
        if stalled != 0 && past(stalled, options.write_stall) {
            return Some("write_stall");
        }
        match phase {
            Phase::Fresh => past(since, options.first_byte).then_some("first_byte"),
            Phase::Reading => past(since, options.headers).then_some("headers"),
            Phase::Idle => past(since, options.idle).then_some("idle"),
            // Whoever reads a body has a deadline of its own.
            Phase::Serving | Phase::Body => None,
        }
    }

    /// Since when the connection has waited for its client, in milliseconds since `epoch`; `None` while it is us who
    /// work.
    fn waits_since(&self) -> Option<u64> {
        match (self.phase(), self.stalled.load(Relaxed)) {
            ((Phase::Serving, _), 0) => None,
            ((Phase::Serving, _), stalled) => Some(stalled),
            ((_, since), _) => Some(since),
        }
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// All open connections of one server.
#[derive(Debug)]
pub(crate) struct Table {
    epoch: Instant,
    open: Mutex<HashMap<u64, Arc<Watch>>>,
    next: AtomicU64,
}

impl Table {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { epoch: Instant::now(), open: Mutex::default(), next: AtomicU64::new(0) })
    }

    /// Enters a connection; it leaves when the place is dropped.
    pub(crate) fn enter(self: &Arc<Self>) -> Place {
        let watch = Arc::new(Watch::new(self.epoch));
        let number = self.next.fetch_add(1, Relaxed);
        self.open.lock().insert(number, watch.clone());
        Place { table: self.clone(), number, watch }
    }

    /// Closes what is past its bound; answers the reasons.
    pub(crate) fn reap(&self, options: &Options) -> Vec<&'static str> {
        let now_ms = millis(self.epoch.elapsed());
        let open = self.open.lock();
        let overdue = open.values().filter(|watch| !watch.closing.is_cancelled()).filter_map(|watch| {
            let reason = watch.overdue(options, now_ms)?;
            watch.closing.cancel();
            Some(reason)
        });
        overdue.collect()
    }

    /// Closes the connection that has waited longest for its client; `false` when all are being served.
    pub(crate) fn make_room(&self) -> bool {
        let open = self.open.lock();
        let staying = open.values().filter(|watch| !watch.closing.is_cancelled());
        let waiting = staying.filter_map(|watch| Some((watch.waits_since()?, watch)));
        let longest = waiting.min_by_key(|(since, _)| *since);
        if let Some((_, watch)) = longest {
            watch.closing.cancel();
        }
        longest.is_some()
    }
}

/// A connection's place in the table.
pub(crate) struct Place {
    table: Arc<Table>,
    number: u64,
    pub(crate) watch: Arc<Watch>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.table.open.lock().remove(&self.number);
    }
}
