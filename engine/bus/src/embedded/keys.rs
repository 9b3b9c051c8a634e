//! Where things are in the store. Integers are big-endian, so that byte order is number order.
//!
//! | table | key | value |
//! |---|---|---|
//! | `bus_streams` | name | stream number, description as JSON |
//! | `bus_log` | place, sequence | [record](super::record) |
//! | `bus_ids` | place, hash of the id | sequence, remembered at (ms) |
//! | `bus_id_order` | place, sequence | hash of the id, remembered at (ms) |
//! | `bus_positions` | place, group | [position](super::position) |
//!
//! A place is a stream's number and a partition's, `u32` each.

use store::Table;

pub(super) const STREAMS: Table = "bus_streams";
pub(super) const LOG: Table = "bus_log";
pub(super) const IDS: Table = "bus_ids";
pub(super) const ID_ORDER: Table = "bus_id_order";
pub(super) const POSITIONS: Table = "bus_positions";

/// The tables an embedded bus keeps; the store must be opened with them.
pub const TABLES: &[Table] = &[STREAMS, LOG, IDS, ID_ORDER, POSITIONS];

/// Longest name of a group, in bytes.
pub(super) const GROUP_BYTES_MAX: usize = 128;

/// One partition of one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub(super) stream: u32,
    pub(super) partition: u32,
}

/// The first half of the BLAKE3 hash of a message id.
pub(super) type IdHash = [u8; 16];

impl Place {
    pub(super) fn prefix(self) -> [u8; 8] {
        ((u64::from(self.stream) << 32) | u64::from(self.partition)).to_be_bytes()
    }

    /// A key in `bus_log` or `bus_id_order`.
    pub(super) fn at(self, sequence: u64) -> [u8; 16] {
        let place = u128::from(u64::from_be_bytes(self.prefix()));
        ((place << 64) | u128::from(sequence)).to_be_bytes()
    }

    /// A key in `bus_ids`.
    pub(super) fn id(self, hash: IdHash) -> [u8; 24] {
        let mut key = [0; 24];
        let (place, rest) = key.split_at_mut(8);
        place.copy_from_slice(&self.prefix());
        rest.copy_from_slice(&hash);
        key
    }

    /// A key in `bus_positions`.
    pub(super) fn group(self, group: &str) -> Vec<u8> {
        [&self.prefix()[..], group.as_bytes()].concat()
    }
}

/// What to look an id up by; `None` for an empty id, which has no identity and is never a duplicate.
pub(super) fn hash(id: &str) -> Option<IdHash> {
    let whole = blake3::hash(id.as_bytes());
    whole.as_bytes().first_chunk().copied().filter(|_| !id.is_empty())
}

/// Takes a number off the front.
pub(super) fn take_u64(bytes: &mut &[u8]) -> Option<u64> {
    let (number, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u64::from_be_bytes(*number))
}

/// Takes a number off the front.
pub(super) fn take_u32(bytes: &mut &[u8]) -> Option<u32> {
    let (number, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u32::from_be_bytes(*number))
}
