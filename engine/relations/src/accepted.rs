//! Where something was accepted, so that a shard can tell when it hears it again.

use model::Message;

const HEADER: &str = "catena-accepted";
/// How far apart the clocks of servers that lead a partition one after the other may be.
const SKEW_MS: u64 = 10_000;

/// Where in its partition of `posts` a message was accepted, and when. It travels to the shards in the header `catena-accepted`, as
/// both numbers in decimal with a blank between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Its sequence.
    pub sequence: u64,
    /// Milliseconds since 1970, by the bus's clock.
    pub at_ms: u64,
}

impl Accepted {
    /// Whether what was accepted here was accepted no later than `known`, in the same partition. Sequences decide; a stream that was
    /// removed and made anew counts from 1 again, and there the clock tells what is new, if by more than clocks differ.
    #[must_use]
    pub fn is_past(self, known: Self) -> bool {
        self.sequence <= known.sequence && self.at_ms <= known.at_ms.saturating_add(SKEW_MS)
    }

    /// This one, which is not [past](Self::is_past) `known`, in place of it. A clock that was set back does not count.
    #[must_use]
    pub fn after(self, known: Self) -> Self {
        Self { at_ms: self.at_ms.max(known.at_ms), ..self }
    }

    /// Notes it on a message, in front of whatever else is there under that name.
    pub fn put(self, message: &mut Message) {
        let value = format!("{} {}", self.sequence, self.at_ms);
        message.headers.0.insert(0, (HEADER.to_owned(), value));
    }

    /// What a message says of it; nothing where an earlier release sent it, or it did not come from `posts`.
    #[must_use]
    pub fn read(message: &Message) -> Option<Self> {
        let (sequence, at_ms) = message.headers.get(HEADER)?.split_once(' ')?;
        Some(Self { sequence: sequence.parse().ok()?, at_ms: at_ms.parse().ok()? })
    }

    /// Both numbers, big-endian.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        (u128::from(self.sequence) << 64 | u128::from(self.at_ms)).to_be_bytes()
    }

    /// As [`to_bytes`](Self::to_bytes) wrote it.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (sequence, at_ms) = bytes.split_first_chunk()?;
        Some(Self {
            sequence: u64::from_be_bytes(*sequence),
            at_ms: u64::from_be_bytes(at_ms.try_into().ok()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(sequence: u64, at_ms: u64) -> Accepted {
        Accepted { sequence, at_ms }
    }

    #[test]
    fn it_travels_and_is_kept() {
        let mut message = Message::default();
        assert_eq!(Accepted::read(&message), None);
        for wrong in ["", "7", "7 ", "7 x", "-7 1", "1 2 3"] {
            message.headers.set(HEADER, wrong);
            assert_eq!(Accepted::read(&message), None, "{wrong:?}");
        }
        let known = accepted(u64::MAX, 1_700_000_000_000);
        // Before what is there already.
        known.put(&mut message);
        assert_eq!(Accepted::read(&message), Some(known));
        assert_eq!(Accepted::from_bytes(&known.to_bytes()), Some(known));
        assert_eq!(Accepted::from_bytes(&[0; 15]), None);
        assert_eq!(Accepted::from_bytes(&[0; 17]), None);
    }

    #[test]
    fn what_was_accepted_before_is_past_and_a_stream_made_anew_is_not() {
        let known = accepted(10, 1000);
        for past in [known, accepted(9, 900), accepted(1, 1000), accepted(9, 1000 + SKEW_MS)] {
            assert!(past.is_past(known), "{past:?}");
        }
        let later = 1001 + SKEW_MS;
        for new in [accepted(11, 1000), accepted(11, 900), accepted(1, later), accepted(10, later)] {
            assert!(!new.is_past(known), "{new:?}");
        }
    }

    #[test]
    fn a_clock_that_was_set_back_lets_nothing_old_in() {
        let newest = accepted(11, 900).after(accepted(10, 1000));
        assert!(accepted(10, 1000).is_past(newest) && !accepted(12, 800).is_past(newest));
        assert_eq!(accepted(1, 20_000).after(newest), accepted(1, 20_000));
    }
}
