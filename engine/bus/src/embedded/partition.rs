use std::{collections::BTreeMap, ops::Range, sync::Arc};

use parking_lot::{Mutex, RwLock};
use store::Snapshot;
use tokio::time::Instant;

use super::{
    group::{Changed, Group},
    keys::{GROUP_BYTES_MAX, LOG, Place},
    position::Position,
    record,
    room::Room,
    tail::Tail,
};
use crate::{Bounds, Error, Result, Stored, StreamSpec, Unread};

/// A stream as the process knows it.
pub(super) struct Stream {
    pub(super) number: u32,
    pub(super) spec: Arc<RwLock<StreamSpec>>,
    pub(super) partitions: Vec<Arc<Partition>>,
}

/// A partition as the process knows it. The log's ends are written by the writer alone, once what they
/// say is durable; the lock order is `groups`, then `log`.
pub(super) struct Partition {
    pub(super) place: Place,
    pub(super) spec: Arc<RwLock<StreamSpec>>,
    pub(super) groups: Mutex<BTreeMap<String, Arc<Group>>>,
    log: Mutex<Log>,
    changed: Arc<Changed>,
}

struct Log {
    bounds: Bounds,
    /// The oldest message on disk; behind `bounds.first` while a removal is on its way.
    oldest: u64,
    /// Everything before this may go, whoever has settled it.
    unwanted: u64,
    tail: Tail,
}

impl Partition {
    pub(super) fn new(
        place: Place,
        spec: &Arc<RwLock<StreamSpec>>,
        bounds: Bounds,
        tail: Tail,
        changed: &Arc<Changed>,
    ) -> Self {
        Self {
            place,
            spec: Arc::clone(spec),
            groups: Mutex::default(),
            log: Mutex::new(Log { bounds, oldest: bounds.first, unwanted: 0, tail }),
            changed: Arc::clone(changed),
        }
    }

    pub(super) fn bounds(&self) -> Bounds {
        self.log.lock().bounds
    }

    /// The group's state, made on first use: it starts at the oldest message kept.
    pub(super) fn group(&self, name: &str) -> Result<Arc<Group>> {
        if name.is_empty() || name.len() > GROUP_BYTES_MAX {
            return Err(Error::Group { bytes: name.len(), bytes_max: GROUP_BYTES_MAX });
        }
        let mut groups = self.groups.lock();
        if let Some(group) = groups.get(name) {
            return Ok(Arc::clone(group));
        }
        let position = Position::starting_at(self.bounds().first);
        Ok(Arc::clone(groups.entry(name.to_owned()).or_insert_with(|| self.make(name, position))))
    }

    /// Puts a group back as the store remembers it.
    pub(super) fn restore(&self, name: &str, position: &[u8]) -> Result<()> {
        let position = Position::decode(position, Instant::now()).ok_or_else(|| Error::Unavailable {
            reason: format!("the stored position of group `{name}` is damaged"),
        })?;
        self.groups.lock().insert(name.to_owned(), self.make(name, position));
        Ok(())
    }

    fn make(&self, name: &str, position: Position) -> Arc<Group> {
        Group::new(name.to_owned(), self.place.group(name), position, Arc::clone(&self.changed))
    }

    /// Takes over messages that are durable now, and wakes who waits for them.
    pub(super) fn extend(&self, messages: Vec<Stored>) {
        {
            let mut log = self.log.lock();
            for stored in messages {
                log.bounds.last = stored.sequence;
                log.tail.push(stored);
            }
        }
        for group in self.groups.lock().values() {
            group.woken.notify_one();
        }
    }

    /// Lets everything before `below` go but the newest message.
    pub(super) fn trim_to(&self, below: u64) {
        let mut log = self.log.lock();
        let below = below.min(log.bounds.last);
        log.unwanted = log.unwanted.max(below);
        log.bounds.first = log.bounds.first.max(below);
    }

    /// The sequences that retention or [`trim_to`](Self::trim_to) let go of, at most `max`. They are out of bounds at once, so that no
    /// group that appears meanwhile starts on them; [`removed`](Self::removed) says when they are gone.
    pub(super) fn trim(&self, max: u64) -> Range<u64> {
        let (retained, unread) = {
            let spec = self.spec.read();
            (spec.retain_messages, spec.unread)
        };
        let groups = self.groups.lock();
        let mut log = self.log.lock();
        let settled = groups.values().map(|group| group.floor()).min().or(match unread {
            Unread::Keep => None,
            Unread::LetGo => Some(log.bounds.last),
        });
        let over =
            retained.zip(settled).map_or(0, |(retained, settled)| (settled + 1).saturating_sub(retained));
        // The newest stays in any case: it carries the sequence over a restart.
        let end = over.max(log.unwanted).min(log.bounds.last).min(log.oldest + max);
        log.bounds.first = log.bounds.first.max(end);
        log.oldest..end
    }

    /// What [`trim`](Self::trim) named is gone from disk, up to `end`.
    pub(super) fn removed(&self, end: u64) {
        self.log.lock().oldest = end;
    }

    /// The first of the wanted messages, as many as `room` takes, if all of those are in memory.
    pub(super) fn recall(&self, wanted: &[u64], mut room: Room) -> Option<Vec<Stored>> {
        let log = self.log.lock();
        let mut found = Vec::new();
        for sequence in wanted {
            let stored = log.tail.get(*sequence)?;
            if !room.takes(stored) {
                break;
            }
            found.push(stored.clone());
        }
        Some(found)
    }

    /// The first of the wanted messages from disk, as many as `room` takes, leaving out those that were trimmed.
    pub(super) fn load(
        &self,
        snapshot: &dyn Snapshot,
        wanted: &[u64],
        mut room: Room,
    ) -> Result<Vec<Stored>> {
        let mut found = Vec::new();
        for sequence in wanted.iter().copied() {
            let Some(record) =
                snapshot.get(LOG, &self.place.at(sequence)).map_err(|e| Error::from_store(&e))?
            else {
                continue;
            };
            let Some(stored) = record::read(sequence, &record) else {
                // What stands before it can be had; it is told of when it is the next.
                if found.is_empty() {
                    return Err(self.damaged(sequence));
                }
                break;
            };
            if !room.takes(&stored) {
                break;
            }
            found.push(stored);
        }
        Ok(found)
    }

    fn damaged(&self, sequence: u64) -> Error {
        let stream = self.spec.read().name.to_string();
        Error::Damaged { stream, partition: self.place.partition, sequence }
    }
}
