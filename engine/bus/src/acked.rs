use std::collections::BTreeMap;

/// The sequences a group has settled for good: all up to a floor, and ranges above it.
///
/// Ranges, so that one message that stays unsettled for long costs one range and not one entry for
/// each message settled after it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acked {
    floor: u64,
    /// First to last of each range, both in it; ranges neither touch each other nor the floor.
    above: BTreeMap<u64, u64>,
    above_count: u64,
}

impl Acked {
    /// Everything up to `floor`, which may be 0 for nothing.
    #[must_use]
    pub fn up_to(floor: u64) -> Self {
        Self { floor, ..Self::default() }
    }

    /// Everything up to here is settled.
    #[must_use]
    pub fn floor(&self) -> u64 {
        self.floor
    }

    /// How many are settled above the floor.
    #[must_use]
    pub fn above_count(&self) -> u64 {
        self.above_count
    }

    /// The ranges above the floor, first to last.
    pub fn ranges(&self) -> impl ExactSizeIterator<Item = (u64, u64)> {
        self.above.iter().map(|(first, last)| (*first, *last))
    }

    /// Adds a range (or one sequence), none of which is in here yet.
    pub fn insert(&mut self, first: u64, last: u64) {
        if first > last {
            return;
        }
        let (mut from, mut to) = (first, last);
        if let Some((start, _)) = self.above.range(..first).next_back().filter(|(_, end)| **end + 1 == first)
        {
            from = *start;
        }
        if let Some(end) = last.checked_add(1).and_then(|next| self.above.remove(&next)) {
            to = end;
        }
        self.above.insert(from, to);
        self.above_count += last - first + 1;
        if from == self.floor + 1 {
            self.above.remove(&from);
            self.above_count -= to - self.floor;
            self.floor = to;
        }
    }

    /// Whether `sequence` is settled.
    #[must_use]
    pub fn contains(&self, sequence: u64) -> bool {
        let range = || self.above.range(..=sequence).next_back();
        sequence <= self.floor || range().is_some_and(|(_, last)| sequence <= *last)
    }

    /// What is missing, up to and including `last`.
    pub fn gaps(&self, last: u64) -> impl Iterator<Item = u64> {
        let starts = std::iter::once(self.floor).chain(self.above.values().copied());
        let ends = self.above.keys().copied().chain(std::iter::once(last.saturating_add(1)));
        starts.zip(ends).flat_map(|(settled, next)| settled + 1..next)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_a_set(sequences in prop::collection::vec(1..60_u64, 0..80), floor in 0..5_u64) {
            let mut acked = Acked::up_to(floor);
            let mut model: BTreeSet<u64> = (1..=floor).collect();
            for sequence in sequences {
                if !model.contains(&sequence) {
                    acked.insert(sequence, sequence);
                }
                model.insert(sequence);
                let missing: Vec<u64> = (1..=61).filter(|n| !model.contains(n)).collect();
                prop_assert!((0..=62).all(|n| acked.contains(n) == (n == 0 || model.contains(&n))));
                prop_assert_eq!(acked.gaps(61).collect::<Vec<_>>(), missing);
                prop_assert_eq!(acked.floor() + acked.above_count(), model.len() as u64);
            }
        }
    }
}
