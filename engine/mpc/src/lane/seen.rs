//! Which message ids a lane has had, for a bus that remembers them for less time than promised.
//!
//! The promise is that a message published twice within 24 hours has its effects once. The embedded bus keeps it alone. A
//! bus that forgets ids after minutes lets the second one in, and the lane recognises it here. What is kept is committed
//! with the message, so it moves with the partition.
//!
//! `seen` has the hash of an id → sequence; `seen-order` has the sequence → hash, and when the bus accepted it, in
//! milliseconds since 1970. Both are removed in the order in which they came.

use std::{ops::ControlFlow, time::Duration};

use bus::Stored;
use bytes::{BufMut, Bytes, BytesMut};

use super::{keys, overlay::Overlay};
use crate::Result;

/// How long an id counts.
pub(super) const WINDOW: Duration = Duration::from_secs(24 * 3600);
/// Old ids forgotten with a batch, at least; twice as many as the batch has, so that they never pile up.
const FORGET_MIN: usize = 64;

/// The first half of the BLAKE3 hash of an id.
pub(super) type Hash = [u8; 16];

pub(super) fn hash(id: &str) -> Hash {
    let mut half = Hash::default();
    blake3::Hasher::new().update(id.as_bytes()).finalize_xof().fill(&mut half);
    half
}

/// One message's identity, as the bus had it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    hash: Hash,
    sequence: u64,
    accepted_at_ms: u64,
}

impl Mark {
    /// The same for every copy of the message.
    pub(super) fn hash(&self) -> &Hash {
        &self.hash
    }
}

/// The ids of one chain and partition.
pub(super) struct Seen {
    prefix: Bytes,
    /// The newest time the bus gave a message: what ages ids.
    now_ms: u64,
}

impl Seen {
    /// `None` where the bus does it all itself.
    pub(super) fn needed(bus_remembers: Duration, stream: &str, partition: u32, chain: &str) -> Option<Self> {
        let prefix = [&keys::partition(stream, partition)[..], chain.as_bytes(), b"\0"].concat();
        (bus_remembers < WINDOW).then(|| Self { prefix: prefix.into(), now_ms: 0 })
    }

    /// What to know a message by; `None` for an empty id, which is no identity.
    pub(super) fn mark(stored: &Stored) -> Option<Mark> {
        let Stored { sequence, accepted_at_ms, message } = stored;
        (!message.id.is_empty()).then(|| Mark {
            hash: hash(&message.id),
            sequence: *sequence,
            accepted_at_ms: *accepted_at_ms,
        })
    }

    /// Whether another message with this id has had its effects.
    pub(super) fn came_before(&self, mark: Mark, overlay: &Overlay) -> Result<bool> {
        let known = overlay.get("seen", &self.key(&mark.hash))?;
        Ok(known.is_some_and(|sequence| *sequence != mark.sequence.to_be_bytes()))
    }

    /// The message has had its effects.
    pub(super) fn keep(&mut self, mark: Mark, overlay: &Overlay) {
        self.now_ms = self.now_ms.max(mark.accepted_at_ms);
        let sequence = mark.sequence.to_be_bytes();
        overlay.put("seen", self.key(&mark.hash), Some(Bytes::copy_from_slice(&sequence)));
        let order = [&mark.hash[..], &mark.accepted_at_ms.to_be_bytes()].concat();
        overlay.put("seen-order", self.key(&sequence), Some(order.into()));
    }

    /// Forgets what is older than the window, in a step that grows with the batch.
    pub(super) fn forget(&self, batch: usize, overlay: &Overlay) -> Result<()> {
        let step = FORGET_MIN.max(2 * batch);
        let window_ms = u64::try_from(WINDOW.as_millis()).unwrap_or(u64::MAX);
        let mut old = Vec::new();
        overlay.scan_committed("seen-order", &self.prefix, &mut |key, order| {
            let Some((hash, at)) = order.split_at_checked(16) else { return ControlFlow::Break(()) };
            let at = at.first_chunk().copied().map_or(0, u64::from_be_bytes);
            if old.len() >= step || at.saturating_add(window_ms) > self.now_ms {
                return ControlFlow::Break(());
            }
            old.push((Bytes::copy_from_slice(key), self.key(hash)));
            ControlFlow::Continue(())
        })?;
        for (order, seen) in old {
            overlay.put("seen-order", order, None);
            overlay.put("seen", seen, None);
        }
        Ok(())
    }

    fn key(&self, rest: &[u8]) -> Bytes {
        let mut key = BytesMut::with_capacity(self.prefix.len() + rest.len());
        key.put_slice(&self.prefix);
        key.put_slice(rest);
        key.freeze()
    }
}
