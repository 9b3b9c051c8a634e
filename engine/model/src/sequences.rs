use std::collections::BTreeMap;

/// A set of sequences of one partition (numbers from 1) that begins whole: everything up to a floor, and runs above it.
///
/// What a group has acknowledged is such a set, and so is what a lane has committed. A message that stays out for long
/// costs one run, not an entry for each message that came in after it; there are at most as many runs as messages are out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sequences {
    floor: u64,
    /// First → last of each run; runs touch neither each other nor the floor.
    above: BTreeMap<u64, u64>,
    above_count: u64,
}

impl Sequences {
    /// Everything up to `floor`, which may be 0 for nothing.
    #[must_use]
    pub fn up_to(floor: u64) -> Self {
        Self { floor, ..Self::default() }
    }

    /// The last sequence before the first one missing.
    #[must_use]
    pub fn floor(&self) -> u64 {
        self.floor
    }

    /// The newest in the set; 0 when it is empty.
    #[must_use]
    pub fn newest(&self) -> u64 {
        self.above.last_key_value().map_or(self.floor, |(_, last)| *last)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.floor + self.above_count
    }

    /// Whether `sequence` is in the set; 0 always is.
    #[must_use]
    pub fn contains(&self, sequence: u64) -> bool {
        sequence <= self.floor || self.run_before(sequence).is_some_and(|(_, last)| sequence <= last)
    }

    /// Adds `sequence`; it may be there already.
    pub fn insert(&mut self, sequence: u64) {
        if self.contains(sequence) {
            return;
        }
        let joined = self.run_before(sequence).filter(|(_, last)| last + 1 == sequence);
        let first = joined.map_or(sequence, |(first, _)| first);
        let behind = sequence.checked_add(1).and_then(|next| self.above.remove(&next));
        self.above.insert(first, behind.unwrap_or(sequence));
        self.above_count += 1;
        self.raise(self.floor);
    }

    /// Adds everything from `first` to `last`; some of it may be there already.
    pub fn insert_run(&mut self, first: u64, last: u64) {
        let first = first.max(self.floor.saturating_add(1));
        if first > last {
            return;
        }
        // From the last run that begins before it to the last one that it touches.
        let (mut from, mut to) = (first, last);
        let begins = self.run_before(first).filter(|(_, end)| end.saturating_add(1) >= first);
        let touched = begins.map_or(first, |(begin, _)| begin)..=last.saturating_add(1);
        for (begin, end) in self.above.extract_if(touched, |_, _| true) {
            (from, to) = (from.min(begin), to.max(end));
            self.above_count -= end - begin + 1;
        }
        self.above.insert(from, to);
        self.above_count += to - from + 1;
        self.raise(self.floor);
    }

    /// Adds everything up to `floor`.
    pub fn raise(&mut self, floor: u64) {
        self.floor = self.floor.max(floor);
        while let Some((&first, &last)) = self.above.first_key_value()
            && first <= self.floor.saturating_add(1)
        {
            self.floor = self.floor.max(last);
            self.above.remove(&first);
            self.above_count -= last - first + 1;
        }
    }

    /// What is missing, up to and including `last`, ascending.
    pub fn gaps(&self, last: u64) -> impl Iterator<Item = u64> {
        let before = std::iter::once(self.floor).chain(self.above.values().copied());
        let behind = self.above.keys().copied().chain(std::iter::once(last.saturating_add(1)));
        before
            .zip(behind)
            .flat_map(move |(before, behind)| before.saturating_add(1)..behind.min(last.saturating_add(1)))
    }

    fn run_before(&self, sequence: u64) -> Option<(u64, u64)> {
        self.above.range(..=sequence).next_back().map(|(first, last)| (*first, *last))
    }

    /// The stored form, `u64`s, big-endian: how many runs, the floor, first and last of each run. It says where it ends.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        let runs = self.above.iter().flat_map(|(first, last)| [*first, *last]);
        let head = [self.above.len() as u64, self.floor];
        out.extend(head.into_iter().chain(runs).flat_map(u64::to_be_bytes));
    }

    /// Takes the stored form off the front of `bytes`; `None` when [`encode_into`](Self::encode_into) did not write it.
    #[must_use]
    pub fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let mut next = || {
            let (number, rest) = bytes.split_first_chunk()?;
            *bytes = rest;
            Some(u64::from_be_bytes(*number))
        };
        let (runs, floor) = (next()?, next()?);
        let mut set = Self::up_to(floor);
        let mut newest = floor;
        for _ in 0..runs {
            let (first, last) = (next()?, next()?);
            // Ascending, with a gap before each: nothing else is written, and `gaps` relies on it.
            if first <= newest.checked_add(1)? || last < first {
                return None;
            }
            set.above.insert(first, last);
            set.above_count += last - first + 1;
            newest = last;
        }
        Some(set)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Past everything that is inserted.
    const END: u64 = 62;

    #[derive(Clone, Debug)]
    enum Act {
        Insert(u64),
        InsertRun(u64, u64),
        Raise(u64),
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            9 => (0..60_u64).prop_map(Act::Insert),
            3 => (0..60_u64, 0..9_u64).prop_map(|(first, more)| Act::InsertRun(first, (first + more).min(60))),
            1 => (0..20_u64).prop_map(Act::Raise),
        ]
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_set(floor in 0..5_u64, acts in prop::collection::vec(act(), 0..80)) {
            let mut set = Sequences::up_to(floor);
            let mut model: BTreeSet<u64> = (0..=floor).collect();
            for act in acts {
                match act {
                    Act::Insert(sequence) => {
                        set.insert(sequence);
                        model.insert(sequence);
                    }
                    Act::InsertRun(first, last) => {
                        set.insert_run(first, last);
                        model.extend(first..=last);
                    }
                    Act::Raise(floor) => {
                        set.raise(floor);
                        model.extend(0..=floor);
                    }
                }
                let missing: Vec<u64> = (0..=END).filter(|n| !model.contains(n)).collect();
                prop_assert_eq!(set.gaps(END).collect::<Vec<_>>(), &missing[..]);
                prop_assert_eq!(set.floor() + 1, missing[0]);
                prop_assert_eq!(set.count() + 1, model.len() as u64);
                prop_assert_eq!(Some(set.newest()), model.last().copied());
                prop_assert!((0..=END).all(|n| set.contains(n) == model.contains(&n)));
                let runs = (1..END).filter(|n| !model.contains(n) && model.contains(&(n + 1))).count();
                prop_assert_eq!(set.above.len(), runs, "as few runs as can be");
            }
            let mut stored = Vec::new();
            set.encode_into(&mut stored);
            for cut in 0..stored.len() {
                prop_assert_eq!(Sequences::decode(&mut &stored[..cut]), None);
            }
            stored.extend(b"rest");
            let mut rest = &stored[..];
            prop_assert_eq!(Sequences::decode(&mut rest), Some(set));
            prop_assert_eq!(rest, b"rest");
        }

        #[test]
        fn bytes_of_somebody_else_make_no_set_that_is_out_of_order(numbers in prop::collection::vec(0..9_u64, 0..9)) {
            let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_be_bytes()).collect();
            if let Some(set) = Sequences::decode(&mut &bytes[..]) {
                let runs: Vec<u64> = set.above.iter().flat_map(|(first, last)| [*first, *last]).collect();
                prop_assert!(runs.is_sorted() && runs.first().is_none_or(|first| *first > set.floor + 1));
                prop_assert_eq!(set.count() + set.gaps(END).count() as u64, END);
            }
        }
    }

    #[test]
    fn the_last_number_there_is_has_its_place() {
        let mut set = Sequences::up_to(u64::MAX - 2);
        set.insert(u64::MAX);
        assert!(set.contains(u64::MAX) && !set.contains(u64::MAX - 1));
        set.insert(u64::MAX - 1);
        assert_eq!((set.floor(), set.newest()), (u64::MAX, u64::MAX));
    }
}
