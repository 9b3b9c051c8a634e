//! Keys of the tables a lane owns. Names cannot hold a zero byte, so it ends them; what guests and messages chose is
//! measured, and hashed where it would not fit.

use bytes::{BufMut, Bytes, BytesMut};

/// Bytes of a message key and an entry's name, together, that are kept as they are. A store's keys have at most 511
/// bytes, of which two names of up to 64 take 130.
const CHOSEN_BYTES_MAX: usize = 320;
/// Stands where the length of a message key would, and says that a hash follows.
const HASHED: u16 = u16::MAX;

/// Processor state: chain, processor, message key, entry. All versions of a processor share it.
pub(super) fn state(chain: &str, processor: &str, key: &str, name: &str) -> Bytes {
    let mut out = BytesMut::with_capacity(chain.len() + processor.len() + key.len() + name.len() + 4);
    for part in [chain, processor] {
        out.put_slice(part.as_bytes());
        out.put_u8(0);
    }
    match u16::try_from(key.len()) {
        Ok(len) if key.len() + name.len() <= CHOSEN_BYTES_MAX => {
            out.put_u16(len);
            out.put_slice(key.as_bytes());
            out.put_slice(name.as_bytes());
        }
        _ => {
            out.put_u16(HASHED);
            out.put_slice(model::derived_id(&[key.as_bytes(), name.as_bytes()]).as_bytes());
        }
    }
    out.freeze()
}

/// A router's state: input stream, partition, and what the router chose. Not the chain: what a router has learnt from
/// a stream stays true when the chain that reads it gets another name.
pub(super) fn lane(stream: &str, partition: u32, key: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(stream.len() + key.len() + 5);
    out.put_slice(stream.as_bytes());
    out.put_u8(0);
    out.put_u32(partition);
    out.put_slice(key);
    out.freeze()
}

/// A ledger: chain, input stream, partition.
pub(super) fn ledger(chain: &str, stream: &str, partition: u32) -> Bytes {
    let mut out = BytesMut::with_capacity(chain.len() + stream.len() + 6);
    for part in [chain, stream] {
        out.put_slice(part.as_bytes());
        out.put_u8(0);
    }
    out.put_u32(partition);
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_keys_fit_and_do_not_meet() {
        let (chain, processor) = ("c".repeat(64), "p".repeat(64));
        let long = "k".repeat(5_000);
        let keys = [
            state(&chain, &processor, "a", "bc"),
            state(&chain, &processor, "ab", "c"),
            state(&chain, &processor, &long, "c"),
            state(&chain, &processor, &long, "d"),
            state("c", "p", "", ""),
        ];
        for (i, key) in keys.iter().enumerate() {
            assert!(key.len() <= 511, "{}", key.len());
            assert!(keys.iter().skip(i + 1).all(|other| other != key));
        }
    }
}
