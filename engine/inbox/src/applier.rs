#[cfg(test)]
mod tests;

use std::sync::Arc;

use bus::Stored;
use relations::{Accepted, Event, ShardMap};
use store::Store;

use crate::{
    Error, Options, Result,
    change::{Change, Place, Reached, Tally},
    draft::Draft,
    position::Position,
    users::Users,
};

/// Applies one shard's messages to its store, each once, in order. Its calls block on disk.
pub(crate) struct Applier {
    place: Place,
    store: Arc<dyn Store>,
    position: Position,
    /// The store does not know all its users yet: the next batch tells it.
    grown: bool,
}

/// A message as far as it could be read.
pub(crate) struct Arrival {
    sequence: u64,
    /// Where in `posts` it was accepted.
    accepted: Option<Accepted>,
    event: std::result::Result<Event, relations::Malformed>,
}

impl From<Stored> for Arrival {
    fn from(stored: Stored) -> Self {
        let accepted = Accepted::read(&stored.message);
        Self { sequence: stored.sequence, accepted, event: Event::read(stored.message) }
    }
}

impl Applier {
    /// Finds out how far the store is, and that it is this shard's.
    pub(crate) fn open(
        number: u32,
        map: &ShardMap,
        options: &Options,
        store: Arc<dyn Store>,
    ) -> Result<Self> {
        let snapshot = store.snapshot()?;
        let position = Position::read(&*snapshot)?;
        let wanted = Users::of(map, number);
        let found = Users::read(&*snapshot)?;
        drop(snapshot);
        if let Some(found) = &found
            && !found.agree(&wanted)
        {
            let (found, wanted) = (found.to_string(), wanted.to_string());
            return Err(Error::Users { shard: number, found, wanted });
        }
        let (block_max, entries_max) = (options.block_entries_max, options.batch_entries_max);
        let users = match found {
            // Another process has had the store, under a later map than this one has yet.
            Some(found) if !wanted.reach_beyond(&found) => found,
            _ => {
                let snapshot = store.snapshot()?;
                let mut draft = Draft::over(&*snapshot);
                wanted.put(&mut draft);
                let batch = draft.into_batch();
                drop(snapshot);
                store.write(&batch)?;
                wanted
            }
        };
        let place = Place { number, users, block_max, entries_max };
        Ok(Self { place, store, position, grown: false })
    }

    /// Takes the users that `map` adds.
    pub(crate) fn adopt(&mut self, map: &ShardMap) {
        let users = Users::of(map, self.place.number);
        if users.reach_beyond(&self.place.users) {
            self.place.users = users;
            self.grown = true;
        }
    }

    /// The last sequence whose effects are all there.
    pub(crate) fn applied(&self) -> u64 {
        self.position.applied
    }

    /// Applies as many of `arrivals` as fit in one store batch, and answers how many that were and what they
    /// did. Sequences that were applied before are skipped. After an error nothing has changed.
    pub(crate) fn apply(&mut self, arrivals: &[Arrival]) -> Result<(usize, Tally)> {
        let snapshot = self.store.snapshot()?;
        let mut change = Change::over(&self.place, &*snapshot);
        if self.grown {
            change.grow();
        }
        let mut position = self.position;
        let mut done = 0;
        let shard = self.place.number;
        for Arrival { sequence, accepted, event } in arrivals {
            if change.is_full() {
                break;
            }
            let expected = position.applied + 1;
            if *sequence > expected {
                return Err(Error::Gap { shard, applied: position.applied, first: *sequence });
            }
            if *sequence == expected {
                let paused = position.paused.take();
                let reached = match event {
                    Ok(event) => change.add(*sequence, *accepted, event, paused)?,
                    Err(malformed) => change.refuse(&malformed.to_string()),
                };
                if let Reached::UpTo(user) = reached {
                    position.paused = Some(user);
                    break;
                }
                position.applied = expected;
            }
            done += 1;
        }
        let tally = change.tally;
        if position != self.position {
            let batch = change.into_batch(position)?;
            drop(snapshot);
            self.store.write(&batch)?;
            self.position = position;
            self.grown = false;
        }
        Ok((done, tally))
    }
}
