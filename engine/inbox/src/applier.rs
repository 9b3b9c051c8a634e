#[cfg(test)]
mod tests;

use std::{ops::RangeInclusive, sync::Arc};

use bus::Stored;
use relations::{Event, UserId};
use store::Store;

use crate::{
    Error, Options, Result,
    change::{Change, Place, Reached, Tally},
    draft::Draft,
    position::{self, Position},
};

/// Applies one shard's messages to its store, each once, in order. Its calls block on disk.
pub(crate) struct Applier {
    place: Place,
    store: Arc<dyn Store>,
    position: Position,
}

/// A message as far as it could be read.
pub(crate) struct Arrival {
    sequence: u64,
    event: std::result::Result<Event, relations::Malformed>,
}

impl From<Stored> for Arrival {
    fn from(stored: Stored) -> Self {
        Self { sequence: stored.sequence, event: Event::read(stored.message) }
    }
}

impl Applier {
    /// Finds out how far the store is, and that it is this shard's.
    pub(crate) fn open(
        number: u32,
        users: RangeInclusive<UserId>,
        options: &Options,
        store: Arc<dyn Store>,
    ) -> Result<Self> {
        let snapshot = store.snapshot()?;
        let position = Position::read(&*snapshot)?;
        match position::users(&*snapshot)? {
            Some(found) if found != users => {
                return Err(Error::Users {
                    shard: number,
                    found: position::shown(&found),
                    wanted: position::shown(&users),
                });
            }
            Some(_) => drop(snapshot),
            None => {
                let mut draft = Draft::over(&*snapshot);
                position::put_users(&mut draft, &users);
                let batch = draft.into_batch();
                drop(snapshot);
                store.write(&batch)?;
            }
        }
        let (block_max, entries_max) = (options.block_entries_max, options.batch_entries_max);
        Ok(Self { place: Place { number, users, block_max, entries_max }, store, position })
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
        let mut position = self.position;
        let mut done = 0;
        let shard = self.place.number;
        for Arrival { sequence, event } in arrivals {
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
                    Ok(event) => change.add(*sequence, event, paused)?,
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
        }
        Ok((done, tally))
    }
}
