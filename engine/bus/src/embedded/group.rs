use std::sync::Arc;

use parking_lot::Mutex;
use tokio::{sync::Notify, time::Instant};

use super::position::{Due, Position};
use crate::{Bounds, Delivery, Settle, Settlement, Settler, Stored};

/// Groups whose position is to be stored with the next round.
pub(super) type Changed = Mutex<Vec<Arc<Group>>>;

/// One group in one partition.
pub(super) struct Group {
    pub(super) name: String,
    /// Its key in the store.
    pub(super) key: Vec<u8>,
    /// Something was published, settled or closed. One subscription waits, so one permit is enough.
    pub(super) woken: Notify,
    state: Mutex<State>,
    changed: Arc<Changed>,
}

struct State {
    position: Position,
    /// Taken by a subscription, or for good by whoever forgets the group.
    subscribed: bool,
    /// It is being forgotten: its position is not stored any more.
    retired: bool,
    /// Stands in `changed` already.
    noted: bool,
}

impl Group {
    pub(super) fn new(name: String, key: Vec<u8>, position: Position, changed: Arc<Changed>) -> Arc<Self> {
        let state = Mutex::new(State { position, subscribed: false, retired: false, noted: false });
        Arc::new(Self { name, key, woken: Notify::new(), state, changed })
    }

    /// Takes the partition for one subscription; false when another has it.
    pub(super) fn claim(self: &Arc<Self>) -> bool {
        let mut state = self.state.lock();
        let free = !std::mem::replace(&mut state.subscribed, true);
        if free {
            self.note(&mut state);
        }
        free
    }

    /// Takes the partition for good, so that the group can be forgotten; false while a subscription has it.
    pub(super) fn retire(&self) -> bool {
        let mut state = self.state.lock();
        let free = !std::mem::replace(&mut state.subscribed, true);
        state.retired |= free;
        free
    }

    /// It is not forgotten after all.
    pub(super) fn revive(&self) {
        let mut state = self.state.lock();
        (state.subscribed, state.retired) = (false, false);
    }

    /// Gives the partition back, and every delivery that is still out.
    pub(super) fn release(&self) {
        let mut state = self.state.lock();
        state.position.give_back_all(Instant::now());
        state.subscribed = false;
    }

    pub(super) fn floor(&self) -> u64 {
        self.state.lock().position.floor()
    }

    pub(super) fn unsettled(&self, bounds: Bounds) -> u64 {
        let mut state = self.state.lock();
        state.position.begin_at(bounds.first);
        state.position.unsettled(bounds.last)
    }

    pub(super) fn due(&self, bounds: Bounds, max: usize, credits: usize) -> Due {
        let mut state = self.state.lock();
        state.position.begin_at(bounds.first);
        state.position.due(bounds.last, max, credits, Instant::now())
    }

    /// Makes deliveries of what [`due`](Self::due) picked.
    pub(super) fn deliver(self: &Arc<Self>, messages: Vec<Stored>) -> Vec<Delivery> {
        let mut state = self.state.lock();
        let mut deliveries = Vec::with_capacity(messages.len());
        for stored in messages {
            let sequence = stored.sequence;
            let Some(attempt) = state.position.deliver(sequence) else { continue };
            let held = Held { group: Arc::clone(self), sequence, attempt };
            deliveries.push(Delivery { stored, attempt, settle: Settle::new(Box::new(held)) });
        }
        self.note(&mut state);
        deliveries
    }

    /// The stored form of its position; changes from now on are noted anew. None of a group that is forgotten, which
    /// deliveries that are still out may go on changing.
    pub(super) fn encode(&self) -> Option<Vec<u8>> {
        let mut state = self.state.lock();
        state.noted = false;
        (!state.retired).then(|| state.position.encode())
    }

    /// Its position was not stored after all.
    pub(super) fn note_again(self: &Arc<Self>) {
        self.note(&mut self.state.lock());
    }

    fn settle(self: &Arc<Self>, sequence: u64, attempt: u32, how: Settlement) {
        let mut state = self.state.lock();
        if state.position.settle(sequence, attempt, how, Instant::now()) {
            self.note(&mut state);
            drop(state);
            self.woken.notify_one();
        }
    }

    fn note(self: &Arc<Self>, state: &mut State) {
        if !std::mem::replace(&mut state.noted, true) {
            self.changed.lock().push(Arc::clone(self));
        }
    }
}

/// One delivery that is out.
struct Held {
    group: Arc<Group>,
    sequence: u64,
    attempt: u32,
}

impl Settler for Held {
    fn settle(self: Box<Self>, settlement: Settlement) {
        self.group.settle(self.sequence, self.attempt, settlement);
    }
}
