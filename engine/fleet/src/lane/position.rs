//! Where one group stands in one partition, as this process knows it: what is settled, what is read ahead, what is
//! out, and what is to come again. Pure state: no clock, no lock, no network. The consumer on the server holds the
//! same, except that it counts deliveries that nobody was handed; a lease given back carries the difference as a
//! [`Note`].

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
    time::Duration,
};

use async_nats::Subject;
use bus::Settlement;
use model::Sequences;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// Stands in for delays that no clock can express.
const DELAY_MAX: Duration = Duration::from_secs(365 * 24 * 3600);
/// A note with more ranges is not worth its room: the next owner begins at the consumer's floor.
const NOTE_RANGES_MAX: usize = 2000;

#[derive(Debug)]
pub(crate) struct Position {
    acked: Sequences,
    /// The first sequence never delivered.
    next: u64,
    /// Delivered and not acked.
    pending: BTreeMap<u64, Pending>,
    /// Of those to come again: what comes before anything later, since it was given back or lost on its way. What the
    /// application put off may be overtaken.
    owed: BTreeSet<u64>,
    /// The first that was passed over, until it is known what became of it.
    passed: Option<u64>,
}

#[derive(Debug)]
struct Pending {
    /// How often it was handed to the application.
    handed: u32,
    place: Place,
    /// Where to tell how it ended; none until a delivery arrived.
    ack: Option<Subject>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Read ahead.
    Ahead,
    /// With the application.
    Out,
    /// To come again, not before.
    Due(Instant),
}

/// What a delivery that arrived means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// It is to be handed out.
    Take,
    /// It is here already.
    Known,
    /// It was settled: the server has to be told again.
    Settled,
    /// It waits for a retry, this long still: the server has forgotten.
    Early(Duration),
}

/// What is known of a group's unsettled deliveries beyond what the consumer holds.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub(crate) struct Note {
    next: u64,
    /// First, last, how often handed out, milliseconds until they are due.
    pending: Vec<(u64, u64, u32, u64)>,
}

impl Position {
    pub(crate) fn starting_at(first: u64) -> Self {
        let acked = Sequences::up_to(first.saturating_sub(1));
        let next = acked.floor() + 1;
        Self { acked, next, pending: BTreeMap::new(), owed: BTreeSet::new(), passed: None }
    }

    /// Goes on from a note; `delivered` is the last sequence that the consumer counts as delivered.
    pub(crate) fn resumed(note: &Note, delivered: u64, now: Instant) -> Self {
        let (mut pending, mut owed) = (BTreeMap::new(), BTreeSet::new());
        for (first, last, handed, delay_ms) in &note.pending {
            if *delay_ms == 0 {
                owed.extend(*first..=*last);
            }
            let place = Place::Due(now + Duration::from_millis(*delay_ms).min(DELAY_MAX));
            let one = |sequence| (sequence, Pending { handed: *handed, place, ack: None });
            pending.extend((*first..=*last).map(one));
        }
        let floor = pending.keys().next().map_or(note.next, |first| *first).saturating_sub(1);
        let acked = Sequences::up_to(floor);
        let mut position = Self { acked, next: note.next, pending, owed, passed: None };
        let unsettled: Vec<u64> = position.pending.keys().copied().chain([note.next]).collect();
        for two in unsettled.windows(2) {
            if let [before, after] = two {
                position.acked.insert_run(before + 1, after.saturating_sub(1));
            }
        }
        // Sent to the one before, after it had stopped listening.
        position.lost(note.next..=delivered, now);
        position
    }

    /// What the next owner needs; none when it is too much.
    pub(crate) fn note(&self, now: Instant) -> Option<Note> {
        let mut pending: Vec<(u64, u64, u32, u64)> = Vec::new();
        for (sequence, one) in &self.pending {
            let delay_ms = match one.place {
                Place::Due(due) => {
                    u64::try_from(due.saturating_duration_since(now).as_millis()).unwrap_or(u64::MAX)
                }
                Place::Ahead | Place::Out => 0,
            };
            match pending.last_mut() {
                Some((_, last, handed, delay))
                    if *last + 1 == *sequence && (*handed, *delay) == (one.handed, delay_ms) =>
                {
                    *last = *sequence;
                }
                _ => pending.push((*sequence, *sequence, one.handed, delay_ms)),
            }
        }
        (pending.len() <= NOTE_RANGES_MAX).then_some(Note { next: self.next, pending })
    }

    /// Everything up to here is settled.
    pub(crate) fn floor(&self) -> u64 {
        self.acked.floor()
    }

    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    pub(crate) fn pending_count(&self) -> usize {
        self.pending.len()
    }

    /// How many up to `last` are not settled.
    pub(crate) fn unsettled(&self, last: u64) -> u64 {
        last.saturating_sub(self.acked.count())
    }

    /// Takes note of a delivery. Answers as well what was passed over: it was removed, or lost on its way.
    pub(crate) fn arrive(
        &mut self,
        sequence: u64,
        ack: Subject,
        now: Instant,
    ) -> (Arrival, Option<RangeInclusive<u64>>) {
        if self.acked.contains(sequence) {
            return (Arrival::Settled, None);
        }
        if let Some(pending) = self.pending.get_mut(&sequence) {
            pending.ack = Some(ack);
            let arrival = match pending.place {
                Place::Due(due) if due > now => Arrival::Early(due - now),
                Place::Due(_) => {
                    pending.place = Place::Ahead;
                    self.owed.remove(&sequence);
                    Arrival::Take
                }
                Place::Ahead | Place::Out => Arrival::Known,
            };
            return (arrival, None);
        }
        let passed = (sequence > self.next).then(|| self.next..=sequence - 1);
        if passed.is_some() {
            self.passed.get_or_insert(self.next);
        }
        self.next = self.next.max(sequence + 1);
        self.pending.insert(sequence, Pending { handed: 0, place: Place::Ahead, ack: Some(ack) });
        (Arrival::Take, passed)
    }

    /// The server has delivered these, and they did not arrive: it has to be asked for them.
    pub(crate) fn lost(&mut self, range: RangeInclusive<u64>, now: Instant) {
        self.next = self.next.max(range.end().saturating_add(1));
        for sequence in range {
            if !self.acked.contains(sequence) && !self.pending.contains_key(&sequence) {
                self.pending.insert(sequence, Pending { handed: 0, place: Place::Due(now), ack: None });
                self.owed.insert(sequence);
            }
        }
    }

    /// It is known now what became of all that was passed over.
    pub(crate) fn looked_into(&mut self) {
        self.passed = None;
    }

    /// Whether something has to come before what is here may be handed out.
    pub(crate) fn waits(&self) -> bool {
        self.passed.is_some() || !self.owed.is_empty()
    }

    /// Whether nothing has to come before this one.
    pub(crate) fn is_next(&self, sequence: u64) -> bool {
        let before = self.owed.first().copied().into_iter().chain(self.passed).min();
        before.is_none_or(|before| sequence < before)
    }

    /// Everything before `first` was removed from the stream; what is with the application stays with it.
    pub(crate) fn removed_before(&mut self, first: u64) {
        self.next = self.next.max(first);
        self.owed = self.owed.split_off(&first);
        let gone: Vec<u64> = self.acked.gaps(first.saturating_sub(1)).collect();
        for sequence in gone {
            if self.pending.get(&sequence).is_none_or(|pending| matches!(pending.place, Place::Due(_))) {
                self.pending.remove(&sequence);
                self.acked.insert(sequence);
            }
        }
    }

    /// Sequences that never arrived and that the server, whose floor is `floor`, will not deliver again. They count
    /// as settled from now on.
    pub(crate) fn holes(&mut self, floor: u64) -> Vec<u64> {
        let never = |pending: &Pending| pending.ack.is_none() && pending.handed == 0;
        let holes: Vec<u64> =
            self.pending.range(..=floor).filter(|(_, pending)| never(pending)).map(|(s, _)| *s).collect();
        for sequence in &holes {
            self.pending.remove(sequence);
            self.owed.remove(sequence);
            self.acked.insert(*sequence);
        }
        holes
    }

    /// Hands one out and answers which attempt it is; none when it was settled meanwhile.
    pub(crate) fn hand_out(&mut self, sequence: u64) -> Option<u32> {
        let pending = self.pending.get_mut(&sequence).filter(|pending| pending.place == Place::Ahead)?;
        pending.place = Place::Out;
        pending.handed = pending.handed.saturating_add(1);
        Some(pending.handed)
    }

    /// Ends one delivery; answers where to tell the server. An ack counts however late it comes; a retry only from
    /// whoever holds the message now.
    pub(crate) fn settle(
        &mut self,
        sequence: u64,
        attempt: u32,
        how: Settlement,
        now: Instant,
    ) -> Option<Subject> {
        let pending = self.pending.get_mut(&sequence)?;
        match how {
            Settlement::Ack => {
                let ack = pending.ack.take();
                self.pending.remove(&sequence);
                self.owed.remove(&sequence);
                self.acked.insert(sequence);
                ack
            }
            Settlement::Retry(delay) => {
                if pending.handed != attempt || pending.place != Place::Out {
                    return None;
                }
                pending.place = Place::Due(now + delay.min(DELAY_MAX));
                pending.ack.clone()
            }
        }
    }

    /// What should have come again for longer than `grace`, to be asked for again; it has that long once more.
    pub(crate) fn overdue(&mut self, grace: Duration, now: Instant) -> Vec<(u64, Option<Subject>)> {
        let mut overdue = Vec::new();
        for (sequence, pending) in &mut self.pending {
            if let Place::Due(due) = pending.place
                && due + grace <= now
            {
                pending.place = Place::Due(now);
                overdue.push((*sequence, pending.ack.clone()));
            }
        }
        overdue
    }

    /// Where to tell that they are being worked on: all that is here.
    pub(crate) fn here(&self) -> Vec<Subject> {
        let here = self.pending.values().filter(|pending| !matches!(pending.place, Place::Due(_)));
        here.filter_map(|pending| pending.ack.clone()).collect()
    }

    /// Gives up all that is here. It waits for the next owner.
    pub(crate) fn give_back_all(&mut self, now: Instant) {
        for pending in self.pending.values_mut() {
            if !matches!(pending.place, Place::Due(_)) {
                pending.place = Place::Due(now);
            }
        }
    }
}

#[cfg(test)]
mod tests;
