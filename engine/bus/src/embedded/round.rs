//! One round: everything queued becomes one batch of the store.

use std::{
    collections::{BTreeMap, HashMap},
    ops::ControlFlow,
    sync::Arc,
};

use store::{Batch, Snapshot};

use super::{
    group::Group,
    keys::{ID_ORDER, IDS, IdHash, LOG, POSITIONS, Place, take_u64},
    partition::Partition,
    queue::Entry,
};
use crate::{Error, Published, Stored};

/// Removals per partition and round, at least; a round that publishes more removes more.
const TIDY_MIN: usize = 256;

/// A batch in the making. What it says of the world is true once the batch is durable.
pub(super) struct Round<'a> {
    batch: &'a mut Batch,
    before: &'a dyn Snapshot,
    now: Now,
    drafts: BTreeMap<Place, Draft>,
    /// Ids this round stores, which the snapshot cannot know.
    fresh: HashMap<(Place, IdHash), u64>,
}

/// The two clocks of a round.
#[derive(Clone, Copy)]
pub(super) struct Now {
    /// What is shown, milliseconds since 1970.
    pub(super) wall_ms: u64,
    /// What ages ids, milliseconds since about 1970: it does not jump when the wall clock is set.
    pub(super) steady_ms: u64,
}

/// What a round changes in one partition.
pub(super) struct Draft {
    pub(super) partition: Arc<Partition>,
    pub(super) stored: Vec<Stored>,
    /// Everything before this is removed.
    pub(super) removed_to: Option<u64>,
    last: u64,
    window_ms: u64,
}

impl<'a> Round<'a> {
    pub(super) fn new(batch: &'a mut Batch, before: &'a dyn Snapshot, now: Now) -> Self {
        Self { batch, before, now, drafts: BTreeMap::new(), fresh: HashMap::new() }
    }

    /// What to take over once the batch is durable.
    pub(super) fn finish(self) -> Vec<Draft> {
        self.drafts.into_values().collect()
    }

    /// Forgets old ids and removes what retention lets go of, in a step that grows with the traffic.
    /// Comes before [`publish`](Self::publish), which may remember an id anew that is forgotten here.
    pub(super) fn tidy(&mut self, partition: &Arc<Partition>, publishes: usize) -> store::Result<()> {
        let step = TIDY_MIN.max(publishes * 2);
        self.forget_ids(partition, step)?;
        let trimmed = partition.trim(step as u64);
        if !trimmed.is_empty() {
            self.draft(partition).removed_to = Some(trimmed.end);
            for sequence in trimmed {
                self.batch.delete(LOG, &partition.place.at(sequence));
            }
        }
        Ok(())
    }

    fn forget_ids(&mut self, partition: &Arc<Partition>, step: usize) -> store::Result<()> {
        let place = partition.place;
        let (window_ms, now) = (self.draft(partition).window_ms, self.now.steady_ms);
        let mut expired = Vec::new();
        self.before.scan(ID_ORDER, &place.at(0), &place.at(u64::MAX), &mut |key, value| match remembered(
            value,
        )
        .filter(|(_, at)| is_over(*at, window_ms, now))
        {
            Some((hash, _)) if expired.len() < step => {
                expired.push((key.to_vec(), hash));
                ControlFlow::Continue(())
            }
            _ => ControlFlow::Break(()),
        })?;
        for (order, hash) in expired {
            self.batch.delete(ID_ORDER, &order);
            let id = place.id(hash);
            // The id may have come again since, under a later sequence.
            let current = self.before.get(IDS, &id)?.and_then(|value| take_u64(&mut &*value));
            if current == order.get(8..).and_then(|mut sequence| take_u64(&mut sequence)) {
                self.batch.delete(IDS, &id);
            }
        }
        Ok(())
    }

    /// Whether `after`, where it is given, is the partition's last sequence.
    pub(super) fn follows(&mut self, partition: &Arc<Partition>, after: Option<u64>) -> crate::Result<()> {
        match after {
            Some(after) if after != self.draft(partition).last => Err(Error::Moved {
                stream: partition.spec.read().name.to_string(),
                partition: partition.place.partition,
                after,
            }),
            _ => Ok(()),
        }
    }

    /// Appends the messages that are not there yet; answers where each stands.
    pub(super) fn publish(
        &mut self,
        partition: &Arc<Partition>,
        entries: Vec<Entry>,
    ) -> store::Result<Vec<Published>> {
        let mut answer = Vec::with_capacity(entries.len());
        for entry in entries {
            let known = match entry.id {
                Some(id) => self.find(partition, id)?,
                None => None,
            };
            answer.push(match known {
                Some(sequence) => Published { sequence, duplicate: true },
                None => Published { sequence: self.append(partition, entry), duplicate: false },
            });
        }
        Ok(answer)
    }

    fn find(&mut self, partition: &Arc<Partition>, id: IdHash) -> store::Result<Option<u64>> {
        let place = partition.place;
        if let Some(sequence) = self.fresh.get(&(place, id)) {
            return Ok(Some(*sequence));
        }
        let (window_ms, now) = (self.draft(partition).window_ms, self.now.steady_ms);
        let found = self.before.get(IDS, &place.id(id))?.and_then(|value| {
            let mut value = &*value;
            Some((take_u64(&mut value)?, take_u64(&mut value)?))
        });
        Ok(found.filter(|(_, at)| !is_over(*at, window_ms, now)).map(|(sequence, _)| sequence))
    }

    fn append(&mut self, partition: &Arc<Partition>, entry: Entry) -> u64 {
        let Entry { message, id, record } = entry;
        let (place, now) = (partition.place, self.now);
        let draft = self.draft(partition);
        draft.last += 1;
        let sequence = draft.last;
        draft.stored.push(Stored { sequence, accepted_at_ms: now.wall_ms, message });

        self.batch.put_bytes(LOG, &place.at(sequence), record.accepted_at(now.wall_ms));
        if let Some(id) = id {
            let at = now.steady_ms.to_be_bytes();
            self.fresh.insert((place, id), sequence);
            self.batch.put(IDS, &place.id(id), &[sequence.to_be_bytes(), at].concat());
            self.batch.put(ID_ORDER, &place.at(sequence), &[&id[..], &at].concat());
        }
        sequence
    }

    /// Stores where these groups stand.
    pub(super) fn positions(&mut self, groups: &[Arc<Group>]) {
        for group in groups {
            if let Some(position) = group.encode() {
                self.batch.put(POSITIONS, &group.key, &position);
            }
        }
    }

    fn draft(&mut self, partition: &Arc<Partition>) -> &mut Draft {
        self.drafts.entry(partition.place).or_insert_with(|| Draft {
            partition: Arc::clone(partition),
            stored: Vec::new(),
            removed_to: None,
            last: partition.bounds().last,
            window_ms: u64::try_from(partition.spec.read().dedupe_window.as_millis()).unwrap_or(u64::MAX),
        })
    }
}

fn is_over(remembered_at_ms: u64, window_ms: u64, now_ms: u64) -> bool {
    remembered_at_ms.saturating_add(window_ms) <= now_ms
}

fn remembered(value: &[u8]) -> Option<(IdHash, u64)> {
    let (hash, mut at) = value.split_first_chunk()?;
    Some((*hash, take_u64(&mut at)?))
}
