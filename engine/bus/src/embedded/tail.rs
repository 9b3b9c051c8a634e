use std::collections::VecDeque;

use crate::Stored;

/// The newest messages of a partition, contiguous, within a budget of bytes.
#[derive(Debug)]
pub(super) struct Tail {
    messages: VecDeque<Stored>,
    bytes: usize,
    bytes_max: usize,
}

impl Tail {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { messages: VecDeque::new(), bytes: 0, bytes_max }
    }

    /// Adds the message that follows the newest; the oldest make room.
    pub(super) fn push(&mut self, stored: Stored) {
        self.bytes += size_bytes(&stored);
        self.messages.push_back(stored);
        while self.bytes > self.bytes_max
            && let Some(oldest) = self.messages.pop_front()
        {
            self.bytes -= size_bytes(&oldest);
        }
    }

    pub(super) fn get(&self, sequence: u64) -> Option<&Stored> {
        let first = self.messages.front()?.sequence;
        self.messages.get(usize::try_from(sequence.checked_sub(first)?).ok()?)
    }
}

fn size_bytes(stored: &Stored) -> usize {
    stored.message.size_bytes() + size_of::<Stored>()
}

#[cfg(test)]
mod tests {
    use model::Message;

    use super::*;

    #[test]
    fn keeps_the_newest_within_its_budget() {
        let message = Message { body: vec![0; 1000].into(), ..Message::default() };
        let stored = |sequence| Stored { sequence, accepted_at_ms: 0, message: message.clone() };
        let mut tail = Tail::new(3 * size_bytes(&stored(1)));
        for sequence in 7..=11 {
            tail.push(stored(sequence));
        }
        let kept: Vec<u64> = (0..20).filter(|sequence| tail.get(*sequence).is_some()).collect();
        assert_eq!(kept, [9, 10, 11]);
        assert_eq!(tail.get(10).unwrap().sequence, 10);
    }
}
