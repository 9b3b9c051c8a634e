//! Keys of the tables a lane owns. All of them begin with the partition, so that what belongs to one partition can be
//! found, handed over and replaced as a whole. Names cannot hold a zero byte, so it ends them; what guests and messages
//! chose is measured, and hashed where it would not fit.

use bytes::{BufMut, Bytes, BytesMut};

/// Bytes of a message key and an entry's name, together, that are kept as they are. A store's keys have at most 511
/// bytes, of which three names of up to 64 and the number of a partition take 201.
const CHOSEN_BYTES_MAX: usize = 300;
/// What the key of a trail ends with.
const TRAIL: &[u8] = b"\0trail";
/// Stands where the length of a message key would, and says that a hash follows.
const HASHED: u16 = u16::MAX;

/// What the keys of one partition of a stream begin with, and no others.
pub(crate) fn partition(stream: &str, partition: u32) -> Bytes {
    begun(stream, partition, 0).freeze()
}

/// Processor state: input stream, partition, chain, processor, message key, entry. All versions of a processor share it.
pub(super) fn state(place: (&str, u32), chain: &str, processor: &str, key: &str, name: &str) -> Bytes {
    let (stream, partition) = place;
    let mut out = begun(
        stream,
        partition,
        chain.len() + processor.len() + key.len().min(CHOSEN_BYTES_MAX) + name.len() + 4,
    );
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
    let mut out = begun(stream, partition, key.len());
    out.put_slice(key);
    out.freeze()
}

/// A ledger: input stream, partition, chain.
pub(super) fn ledger(stream: &str, partition: u32, chain: &str) -> Bytes {
    let mut out = begun(stream, partition, chain.len());
    out.put_slice(chain.as_bytes());
    out.freeze()
}

/// When a lane published: beside its ledger, under a name that no chain can have.
pub(super) fn trail(stream: &str, partition: u32, chain: &str) -> Bytes {
    [&ledger(stream, partition, chain)[..], TRAIL].concat().into()
}

fn begun(stream: &str, partition: u32, more: usize) -> BytesMut {
    let mut out = BytesMut::with_capacity(stream.len() + 5 + more);
    out.put_slice(stream.as_bytes());
    out.put_u8(0);
    out.put_u32(partition);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_keys_fit_and_do_not_meet() {
        let name = |letter: &str| letter.repeat(64);
        let (stream, chain, processor) = (name("s"), name("c"), name("p"));
        let long = "k".repeat(5_000);
        let keys = [
            state((&stream, 7), &chain, &processor, "a", "bc"),
            state((&stream, 7), &chain, &processor, "ab", "c"),
            state((&stream, 7), &chain, &processor, &long, "c"),
            state((&stream, 7), &chain, &processor, &long, "d"),
            state((&stream, 7), &chain, &processor, &"k".repeat(CHOSEN_BYTES_MAX), ""),
            state((&stream, 8), &chain, &processor, "a", "bc"),
            state(("s", 7), "c", "p", "", ""),
        ];
        for (i, key) in keys.iter().enumerate() {
            assert!(key.len() <= store::KEY_BYTES_MAX, "{}", key.len());
            assert!(keys.iter().skip(i + 1).all(|other| other != key));
        }
        assert!(keys[0].starts_with(&partition(&stream, 7)) && !keys[5].starts_with(&partition(&stream, 7)));
    }
}
