//! Which messages of a partition have had their effects: committed together with those effects, so that a
//! redelivery is recognised.
//!
//! A floor, and above it ranges of sequences. Each range but the first begins behind a message that is not settled, so
//! there are at most as many as a lane holds in hand.

use std::collections::BTreeMap;

/// Settled sequences of one chain and partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ledger {
    /// Everything up to here is settled.
    floor: u64,
    /// First → last of each run above the floor; runs neither touch nor overlap.
    above: BTreeMap<u64, u64>,
}

impl Ledger {
    /// Takes everything before `first` as settled: the bus no longer has it.
    pub(super) fn begin_at(&mut self, first: u64) {
        self.floor = self.floor.max(first.saturating_sub(1));
        while let Some((&from, &to)) = self.above.first_key_value()
            && from <= self.floor.saturating_add(1)
        {
            self.floor = self.floor.max(to);
            self.above.remove(&from);
        }
    }

    pub(super) fn is_settled(&self, sequence: u64) -> bool {
        sequence <= self.floor || self.run_before(sequence).is_some_and(|(_, to)| sequence <= to)
    }

    /// The newest settled sequence.
    pub(super) fn newest(&self) -> u64 {
        self.above.last_key_value().map_or(self.floor, |(_, to)| *to)
    }

    pub(super) fn settle(&mut self, sequence: u64) {
        if self.is_settled(sequence) {
            return;
        }
        let joined = self.run_before(sequence).filter(|(_, to)| to + 1 == sequence);
        let from = joined.map_or(sequence, |(from, _)| from);
        let to = self.above.remove(&(sequence + 1)).unwrap_or(sequence);
        self.above.insert(from, to);
        self.begin_at(self.floor + 1);
    }

    fn run_before(&self, sequence: u64) -> Option<(u64, u64)> {
        self.above.range(..=sequence).next_back().map(|(from, to)| (*from, *to))
    }

    /// The stored form: `u64`s, big-endian: floor, then first and last of each run.
    pub(super) fn encode(&self) -> Vec<u8> {
        let runs = self.above.iter().flat_map(|(from, to)| [*from, *to]);
        std::iter::once(self.floor).chain(runs).flat_map(u64::to_be_bytes).collect()
    }

    /// `None` when the bytes were not written by [`encode`](Self::encode).
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (numbers, rest) = bytes.as_chunks::<8>();
        let mut numbers = numbers.iter().map(|chunk| u64::from_be_bytes(*chunk));
        let floor = numbers.next()?;
        let mut above = BTreeMap::new();
        while let Some(from) = numbers.next() {
            above.insert(from, numbers.next()?);
        }
        rest.is_empty().then_some(Self { floor, above })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_agrees_with_a_set(
            first in 1u64..5,
            settled in prop::collection::vec(1u64..60, 0..80),
        ) {
            let mut ledger = Ledger::default();
            ledger.begin_at(first);
            let mut model: BTreeSet<u64> = (0..first).collect();
            for sequence in settled {
                ledger.settle(sequence);
                model.insert(sequence);
                let runs = (1..62).filter(|s| !model.contains(s) && model.contains(&(s + 1))).count();
                prop_assert_eq!(ledger.above.len(), runs);
            }
            for sequence in 0..62 {
                prop_assert_eq!(ledger.is_settled(sequence), model.contains(&sequence), "{}", sequence);
            }
            prop_assert_eq!(Some(ledger.newest()), model.last().copied());
            prop_assert_eq!(Ledger::decode(&ledger.encode()), Some(ledger));
        }

        #[test]
        fn random_bytes_are_refused_not_panicked_on(bytes in prop::collection::vec(any::<u8>(), 0..50)) {
            if bytes.len() % 16 != 8 {
            prop_assert_eq!(Ledger::decode(&bytes), None);
            }
        }
    }
}
