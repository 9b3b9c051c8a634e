use std::time::Duration;

use model::Name;
use serde::{Deserialize, Serialize};

/// What a stream is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamSpec {
    /// Its name.
    pub name: Name,
    /// How many partitions, fixed for life.
    pub partitions: u32,
    /// How long a message id is remembered.
    pub dedupe_window: Duration,
    /// Settled messages kept for replay, per partition; `None` keeps everything.
    pub retain_messages: Option<u64>,
    /// What counts as settled while no group reads it.
    #[serde(default)]
    pub unread: Unread,
}

/// What becomes of messages while no group at all reads their stream: nobody has settled them, and nobody waits for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unread {
    /// They wait for the first reader: none of them is settled.
    #[default]
    Keep,
    /// They are there for whoever looks: all of them count as settled, and `retain_messages` bounds the stream.
    LetGo,
}

impl StreamSpec {
    /// A stream that remembers ids for 24 hours and keeps everything.
    #[must_use]
    pub fn new(name: Name, partitions: u32) -> Self {
        Self {
            name,
            partitions,
            dedupe_window: Duration::from_secs(24 * 3600),
            retain_messages: None,
            unread: Unread::Keep,
        }
    }

    /// Keeps only `messages` settled ones per partition.
    #[must_use]
    pub fn retaining(self, messages: u64) -> Self {
        Self { retain_messages: Some(messages), ..self }
    }

    /// Keeps no more than it retains while nobody reads it.
    #[must_use]
    pub fn letting_go(self) -> Self {
        Self { unread: Unread::LetGo, ..self }
    }
}

/// Where one published message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its sequence in the partition, from 1.
    pub sequence: u64,
    /// It was stored before; `sequence` is of the first time.
    pub duplicate: bool,
}

/// The sequences a partition holds; empty when `first > last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The oldest kept.
    pub first: u64,
    /// The newest stored.
    pub last: u64,
}

/// The partition of `key`: the same on every machine and in every release (BLAKE3, first 8 bytes
/// little-endian, modulo `partitions`).
#[must_use]
pub fn partition_of(key: &str, partitions: u32) -> u32 {
    let hash = blake3::hash(key.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(hash.as_bytes().first_chunk::<8>().unwrap_or(&[0; 8]));
    let partitions = u64::from(partitions.max(1));
    u32::try_from(u64::from_le_bytes(first) % partitions).unwrap_or(0)
}
