//! Where messages wait: one that is to be tried again, and those of its key that came after it. Other keys pass
//! by, so a poison message delays nobody else.

use std::{
    collections::{HashMap, VecDeque},
    time::Instant,
};

/// Waiting messages of one lane, by key. The lane bounds it: it takes nothing new while the lot is full.
pub(super) struct Lot<W> {
    keys: HashMap<String, Row<W>>,
    held: usize,
    held_bytes: usize,
}

/// What waits takes memory.
pub(super) trait Weigh {
    /// How much, in bytes.
    fn bytes(&self) -> usize;
}

struct Row<W> {
    /// Oldest first; the head is the one that failed.
    works: VecDeque<W>,
    /// When the head is tried again.
    due: Instant,
}

impl<W> Default for Lot<W> {
    fn default() -> Self {
        Self { keys: HashMap::new(), held: 0, held_bytes: 0 }
    }
}

impl<W: Weigh> Lot<W> {
    /// Parks a message that failed. No message of its key may be waiting.
    pub(super) fn park(&mut self, key: &str, work: W, due: Instant) {
        self.held += 1;
        self.held_bytes += work.bytes();
        self.keys.insert(key.to_owned(), Row { works: VecDeque::from([work]), due });
    }

    /// Lets a message wait behind the one of its key that failed, or gives it back where none did.
    pub(super) fn follow(&mut self, key: &str, work: W) -> Result<(), W> {
        match self.keys.get_mut(key) {
            Some(row) => {
                self.held += 1;
                self.held_bytes += work.bytes();
                row.works.push_back(work);
                Ok(())
            }
            None => Err(work),
        }
    }

    /// Takes every message whose key is due, in order within each key.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<W> {
        if self.keys.is_empty() {
            return Vec::new();
        }
        let due: Vec<_> = self.keys.extract_if(|_, row| row.due <= now).collect();
        let works: Vec<_> = due.into_iter().flat_map(|(_, row)| row.works).collect();
        self.held -= works.len();
        self.held_bytes -= works.iter().map(Weigh::bytes).sum::<usize>();
        works
    }

    /// When the next message is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.keys.values().map(|row| row.due).min()
    }

    /// How many messages wait.
    pub(super) fn len(&self) -> usize {
        self.held
    }

    /// How much they take, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.held_bytes
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    impl Weigh for usize {
        fn bytes(&self) -> usize {
            *self * 10
        }
    }

    #[test]
    fn a_key_waits_behind_its_head_in_order_and_others_do_not() {
        let start = Instant::now();
        let later = start + Duration::from_millis(50);
        let mut lot = Lot::default();
        lot.park("a", 1, later);
        assert_eq!(lot.follow("a", 2), Ok(()));
        assert_eq!(lot.follow("a", 3), Ok(()));
        assert_eq!(lot.follow("b", 4), Err(4));
        assert_eq!((lot.len(), lot.bytes(), lot.next_due()), (3, 60, Some(later)));
        assert!(lot.take_due(start).is_empty());
        assert_eq!(lot.take_due(later), [1, 2, 3]);
        assert_eq!((lot.len(), lot.bytes(), lot.next_due()), (0, 0, None));
        assert_eq!(lot.follow("a", 5), Err(5));
    }
}
