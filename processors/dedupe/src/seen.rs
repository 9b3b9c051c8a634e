/// Bytes of an entry: a fingerprint and when it was seen, both little-endian.
const ENTRY: usize = 16;

/// The posts of one author, oldest first.
#[derive(Debug)]
pub(crate) struct Seen(Vec<u8>);

impl Seen {
    /// As kept in state. A tail that is no whole entry is dropped.
    pub(crate) fn read(mut bytes: Vec<u8>) -> Self {
        bytes.truncate(bytes.len() - bytes.len() % ENTRY);
        Self(bytes)
    }

    /// When the fingerprint was last seen, at `since_ms` or later.
    pub(crate) fn at(&self, fingerprint: u64, since_ms: u64) -> Option<u64> {
        self.0
            .rchunks_exact(ENTRY)
            .filter_map(entry)
            .find_map(|(other, at_ms)| (other == fingerprint && at_ms >= since_ms).then_some(at_ms))
    }

    /// Adds an entry and forgets the oldest beyond `keep`.
    pub(crate) fn push(&mut self, fingerprint: u64, now_ms: u64, keep: usize) {
        self.0.extend(fingerprint.to_le_bytes());
        self.0.extend(now_ms.to_le_bytes());
        let excess = self.0.len().saturating_sub(keep.saturating_mul(ENTRY));
        self.0.drain(..excess);
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

fn entry(bytes: &[u8]) -> Option<(u64, u64)> {
    let (fingerprint, at_ms) = bytes.split_first_chunk()?;
    Some((u64::from_le_bytes(*fingerprint), u64::from_le_bytes(*at_ms.first_chunk()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_few_are_kept() {
        let mut seen = Seen::read(vec![1, 2, 3]);
        for n in 0..5 {
            seen.push(n, n * 10, 3);
        }
        assert_eq!(seen.bytes().len(), 3 * ENTRY);
        let mut seen = Seen::read(seen.bytes().to_vec());
        assert_eq!([1, 2, 4].map(|n| seen.at(n, 0)), [None, Some(20), Some(40)]);
        assert_eq!((seen.at(4, 40), seen.at(4, 41)), (Some(40), None));
        seen.push(4, 90, 1);
        assert_eq!((seen.at(4, 0), seen.bytes().len()), (Some(90), ENTRY));
    }
}
