use crate::Stored;

/// Bytes of messages that one answer may still hold. The first message fits whatever its size.
pub(super) struct Room {
    bytes: usize,
    taken: bool,
}

impl Room {
    pub(super) fn new(bytes: usize) -> Self {
        Self { bytes, taken: false }
    }

    /// Makes room for `stored`; false when there is none.
    pub(super) fn takes(&mut self, stored: &Stored) -> bool {
        let bytes = stored.message.size_bytes();
        let fits = !self.taken || bytes <= self.bytes;
        if fits {
            self.bytes = self.bytes.saturating_sub(bytes);
            self.taken = true;
        }
        fits
    }
}
