//! A message in the log: when it was accepted (ms, `u64`), a CRC-32 of the rest (`u32`), the encoded
//! message. The store's pages carry no checksum; a flipped bit must not become another message.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use model::Message;

use crate::Stored;

const HEAD_BYTES: usize = 12;

/// A record that lacks nothing but its time. Made by the publisher, so that the writer copies nothing.
pub(super) struct Record(BytesMut);

impl Record {
    pub(super) fn new(message: &Message) -> Self {
        let texts = 4 + message.headers.0.len() * 2;
        let mut record = BytesMut::with_capacity(HEAD_BYTES + 8 + message.size_bytes() + 4 * texts);
        record.put_bytes(0, HEAD_BYTES);
        message.encode_into(&mut record);
        if let Some((mut head, encoded)) = record.split_at_mut_checked(HEAD_BYTES) {
            head.put_u64(0);
            head.put_u32(crc32fast::hash(encoded));
        }
        Self(record)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn accepted_at(mut self, ms: u64) -> Bytes {
        if let Some(time) = self.0.first_chunk_mut() {
            *time = ms.to_be_bytes();
        }
        self.0.freeze()
    }
}

/// Reads a record back; none when it is not what was written.
pub(super) fn read(sequence: u64, record: &[u8]) -> Option<Stored> {
    let mut record = Bytes::copy_from_slice(record);
    let accepted_at_ms = record.try_get_u64().ok()?;
    let sum = record.try_get_u32().ok()?;
    if crc32fast::hash(&record) != sum {
        return None;
    }
    Some(Stored { sequence, accepted_at_ms, message: Message::decode(record).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flipped_bit_is_noticed_wherever_it_is() {
        let message = Message { id: "a".into(), body: "{\"text\":\"b\"}".into(), ..Message::default() };
        let record = Record::new(&message).accepted_at(7);
        assert_eq!(read(1, &record), Some(Stored { sequence: 1, accepted_at_ms: 7, message }));
        for bit in 64..record.len() * 8 {
            let mut flipped = record.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read(1, &flipped), None, "bit {bit}");
        }
        assert!((0..record.len()).all(|cut| read(1, &record[..cut]).is_none()));
    }
}
