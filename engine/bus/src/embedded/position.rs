//! Where one group stands in one partition: what it settled, what it holds, what waits for another try.
//!
//! Pure state, no clock and no lock. Its stored form keeps what is settled and which attempt each
//! unsettled delivery had reached; a delay does not outlive the process.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use super::keys::{take_u32, take_u64};
use crate::{Acked, Settlement};

const VERSION: u8 = 1;

/// Stands in for delays that no clock can express.
const DELAY_MAX: Duration = Duration::from_secs(365 * 24 * 3600);

#[derive(Debug)]
pub(super) struct Position {
    acked: Acked,
    /// The first sequence never delivered.
    next: u64,
    /// Delivered and not acked, by sequence.
    pending: BTreeMap<u64, Pending>,
    /// How many of `pending` are not held by anybody.
    waiting: usize,
}

#[derive(Debug)]
struct Pending {
    attempt: u32,
    /// When it may be delivered again; none while somebody holds it.
    due: Option<Instant>,
}

/// What can be delivered now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// These sequences, ascending.
    Now(Vec<u64>),
    /// Nothing until a retry is due.
    At(Instant),
    /// Nothing until something is published or settled.
    Unknown,
}

impl Position {
    /// Everything before `first` counts as settled.
    pub(super) fn starting_at(first: u64) -> Self {
        let acked = Acked::up_to(first.saturating_sub(1));
        Self { next: acked.floor() + 1, acked, pending: BTreeMap::new(), waiting: 0 }
    }

    /// Everything up to here is settled.
    pub(super) fn floor(&self) -> u64 {
        self.acked.floor()
    }

    /// How many up to `last` are not settled.
    pub(super) fn unsettled(&self, last: u64) -> u64 {
        last.saturating_sub(self.acked.floor()).saturating_sub(self.acked.above_count())
    }

    /// Picks up to `max`: first what waits for another try, then new ones; at most `credits` may be
    /// unsettled, and a message that waits is unsettled.
    pub(super) fn due(&self, last: u64, max: usize, credits: usize, now: Instant) -> Due {
        let held = self.pending.len() - self.waiting;
        let room = max.min(credits.saturating_sub(held));
        let mut wanted = Vec::new();
        let mut earliest = None;
        if self.waiting > 0 && room > 0 {
            let waiting = self.pending.iter().filter_map(|(sequence, p)| Some((*sequence, p.due?)));
            for (sequence, due) in waiting {
                if due > now {
                    earliest = Some(earliest.map_or(due, |e: Instant| e.min(due)));
                } else if wanted.len() < room {
                    wanted.push(sequence);
                }
            }
        }
        let room = (room - wanted.len()).min(credits.saturating_sub(self.pending.len()));
        wanted.extend((self.next..=last).take(room));
        match (wanted.is_empty(), earliest) {
            (false, _) => Due::Now(wanted),
            (true, Some(due)) => Due::At(due),
            (true, None) => Due::Unknown,
        }
    }

    /// Hands one out and answers which attempt it is; none when it was settled meanwhile.
    pub(super) fn deliver(&mut self, sequence: u64) -> Option<u32> {
        if sequence == self.next {
            self.next += 1;
            self.pending.insert(sequence, Pending { attempt: 1, due: None });
            return Some(1);
        }
        let pending = self.pending.get_mut(&sequence).filter(|pending| pending.due.is_some())?;
        pending.due = None;
        pending.attempt = pending.attempt.saturating_add(1);
        self.waiting -= 1;
        Some(pending.attempt)
    }

    /// Ends one delivery; answers whether anything changed. An ack counts however late it comes; a
    /// retry only from whoever holds the message now.
    pub(super) fn settle(&mut self, sequence: u64, attempt: u32, how: Settlement, now: Instant) -> bool {
        match how {
            Settlement::Ack => {
                let Some(pending) = self.pending.remove(&sequence) else { return false };
                self.waiting -= usize::from(pending.due.is_some());
                self.acked.insert(sequence, sequence);
                true
            }
            Settlement::Retry(delay) => {
                let Some(pending) = self.pending.get_mut(&sequence) else { return false };
                if pending.attempt != attempt || pending.due.is_some() {
                    return false;
                }
                pending.due = Some(now.checked_add(delay).unwrap_or(now + DELAY_MAX));
                self.waiting += 1;
                true
            }
        }
    }

    /// Whoever held deliveries is gone: all of them wait for another try, now.
    pub(super) fn give_back_all(&mut self, now: Instant) {
        for pending in self.pending.values_mut() {
            pending.due.get_or_insert(now);
        }
        self.waiting = self.pending.len();
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let repeated = || self.pending.iter().filter(|(_, pending)| pending.attempt > 1);
        let mut out = vec![VERSION];
        out.extend(self.acked.floor().to_be_bytes());
        out.extend(self.next.to_be_bytes());
        out.extend(u32::try_from(self.acked.ranges().len()).unwrap_or(u32::MAX).to_be_bytes());
        for (first, last) in self.acked.ranges() {
            out.extend(first.to_be_bytes());
            out.extend(last.to_be_bytes());
        }
        for (sequence, pending) in repeated() {
            out.extend(sequence.to_be_bytes());
            out.extend(pending.attempt.to_be_bytes());
        }
        out
    }

    /// Reads the stored form: what was delivered and not settled waits for another try, now.
    pub(super) fn decode(mut bytes: &[u8], now: Instant) -> Option<Self> {
        let bytes = &mut bytes;
        let (version, rest) = bytes.split_first()?;
        if *version != VERSION {
            return None;
        }
        *bytes = rest;
        let mut acked = Acked::up_to(take_u64(bytes)?);
        let next = take_u64(bytes)?;
        for _ in 0..take_u32(bytes)? {
            acked.insert(take_u64(bytes)?, take_u64(bytes)?);
        }
        let mut pending: BTreeMap<u64, Pending> = acked
            .gaps(next.checked_sub(1)?)
            .map(|sequence| (sequence, Pending { attempt: 1, due: Some(now) }))
            .collect();
        while !bytes.is_empty() {
            let (sequence, attempt) = (take_u64(bytes)?, take_u32(bytes)?);
            pending.get_mut(&sequence)?.attempt = attempt;
        }
        Some(Self { waiting: pending.len(), acked, next, pending })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELAY: Duration = Duration::from_secs(5);

    fn deliver(position: &mut Position, sequences: std::ops::RangeInclusive<u64>) {
        for sequence in sequences {
            position.deliver(sequence).unwrap();
        }
    }

    #[test]
    fn credits_bound_what_is_unsettled_retries_included() {
        let now = Instant::now();
        let mut position = Position::starting_at(1);
        assert_eq!(position.due(9, 10, 3, now), Due::Now(vec![1, 2, 3]));
        deliver(&mut position, 1..=3);
        assert_eq!(position.due(9, 10, 3, now), Due::Unknown);
        position.settle(2, 1, Settlement::Retry(DELAY), now);
        assert_eq!(position.due(9, 10, 3, now), Due::At(now + DELAY));
        assert_eq!(position.due(9, 10, 3, now + DELAY), Due::Now(vec![2]));
        position.settle(1, 1, Settlement::Ack, now);
        assert_eq!(position.due(9, 10, 3, now + DELAY), Due::Now(vec![2, 4]));
        assert_eq!(position.due(9, 1, 3, now + DELAY), Due::Now(vec![2]));
        assert_eq!(position.unsettled(9), 8);
    }

    #[test]
    fn a_late_ack_counts_and_a_late_retry_does_not() {
        let now = Instant::now();
        let mut position = Position::starting_at(1);
        deliver(&mut position, 1..=2);
        position.give_back_all(now);
        assert_eq!(position.deliver(1), Some(2));
        assert!(!position.settle(1, 1, Settlement::Retry(DELAY), now));
        assert!(position.settle(1, 1, Settlement::Ack, now));
        assert!(!position.settle(1, 2, Settlement::Ack, now));
        assert_eq!(position.due(2, 9, 9, now), Due::Now(vec![2]));
    }

    #[test]
    fn the_stored_form_keeps_attempts_and_forgets_delays() {
        let now = Instant::now();
        let mut position = Position::starting_at(4);
        deliver(&mut position, 4..=9);
        for sequence in [5, 6, 8] {
            position.settle(sequence, 1, Settlement::Ack, now);
        }
        position.settle(7, 1, Settlement::Retry(Duration::ZERO), now);
        assert_eq!(position.deliver(7), Some(2));
        position.settle(7, 2, Settlement::Retry(DELAY), now);

        let mut again = Position::decode(&position.encode(), now).unwrap();
        assert_eq!(again.due(10, 9, 9, now), Due::Now(vec![4, 7, 9, 10]));
        assert_eq!([4, 7, 9, 10].map(|n| again.deliver(n).unwrap()), [2, 3, 2, 1]);
        let stored = position.encode();
        assert!((0..stored.len()).all(|cut| cut == 53 || Position::decode(&stored[..cut], now).is_none()));
    }
}
