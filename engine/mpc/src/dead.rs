//! Dead letters: messages that failed for good, kept whole with everything needed to understand and replay them.
//!
//! They lie in the stream [`DEAD_LETTERS`], published before the message they are about is acknowledged, under an id
//! derived from it: a crash in between makes no second one. What was done about them since lies in the node's store
//! ([`marks`]). They are kept until somebody purges them, or there are more than
//! [`Options::outputs_retain_messages`](crate::Options::outputs_retain_messages): then the oldest go, which is counted and
//! logged.

mod letter;
mod listed;
mod marks;
mod purge;

use std::sync::Arc;

use bus::{Bounds, Bus, Stored, StreamSpec};
use model::{Message, Name, derived_id};
use store::{Batch, Store};

use crate::{
    DEAD_LETTERS, Error, REPLAY_HEADER, Result,
    lane::{blocking, sentence},
    time,
};

pub use letter::{DeadLetter, JsonMessage, Problem};
pub use listed::{Kept, Listed, Replay};
pub use marks::Replayed;
pub use purge::{Purge, Purged};

use marks::Mark;

/// The partition of all dead letters.
pub(crate) const PARTITION: u32 = 0;

/// The stream they lie in.
pub(crate) fn described() -> Result<StreamSpec> {
    Ok(StreamSpec::new(stream()?, 1))
}

/// The stream's name, as a name.
pub(crate) fn stream() -> Result<Name> {
    Name::new(DEAD_LETTERS)
        .map_err(|invalid| Error::Malformed { what: "a stream's name", reason: invalid.to_string() })
}

/// The dead letters there are. Clones are cheap and the same.
#[derive(Clone)]
pub struct DeadLetters {
    bus: Arc<dyn Bus>,
    store: Arc<dyn Store>,
}

impl DeadLetters {
    /// Makes sure that the stream exists, and lets go of what was purged before.
    ///
    /// # Errors
    /// [`Error::Bus`], [`Error::Store`].
    pub async fn open(bus: Arc<dyn Bus>, store: Arc<dyn Store>) -> Result<Self> {
        bus.provision(&described()?).await?;
        let letters = Self { bus, store };
        letters.reconcile().await?;
        Ok(letters)
    }

    /// Marks that are ahead of the stream are about another one, whose numbers come again. A trim, on the other hand, may
    /// have been forgotten by the bus.
    async fn reconcile(&self) -> Result<()> {
        let Bounds { last, .. } = self.bus.bounds(DEAD_LETTERS, PARTITION).await?;
        let below = self.in_store(move |store| marks::belonging_to(store, last)).await?;
        Ok(self.bus.trim(DEAD_LETTERS, PARTITION, below).await?)
    }

    /// Up to `max` of them from `from` on, oldest first; fewer only at the end. Whatever else lies in the stream is passed
    /// over, and a damaged one is named: neither must hide the letters behind it.
    ///
    /// # Errors
    /// [`Error::Bus`], [`Error::Store`].
    pub async fn list(&self, from: u64, max: usize) -> Result<Vec<Listed>> {
        let mut listed = Vec::new();
        let mut next = from.max(self.in_store(|store| marks::below(&*store.snapshot()?)).await?);
        while listed.len() < max {
            let found = self.read(next, max - listed.len()).await?;
            let Some(last) = found.last().map(|(number, _)| *number) else { break };
            let marks = self.in_store(move |store| marks::marks(&*store.snapshot()?, next, last)).await?;
            next = last + 1;
            for (number, letter) in found {
                let (Some(letter), mark) = (letter, marks.get(&number)) else { continue };
                if mark != Some(&Mark::Purged) {
                    let replayed = mark.and_then(|mark| mark.replayed());
                    listed.push(Listed { number, letter, replayed });
                }
            }
        }
        Ok(listed)
    }

    /// The one with this number.
    ///
    /// # Errors
    /// [`Error::NoDeadLetter`]; [`Error::Malformed`] when something else lies there; [`Error::Bus`], [`Error::Store`].
    pub async fn show(&self, number: u64) -> Result<Listed> {
        let mark = self.mark(number).await?;
        let read = self.bus.read(DEAD_LETTERS, PARTITION, number, 1).await;
        let letter = match read {
            Err(error) if listed::damaged(&error) == Some(number) => Kept::unreadable(&error),
            read => {
                let found = read?.into_iter().find(|stored| stored.sequence == number);
                let stored = found.ok_or(Error::NoDeadLetter { number })?;
                Kept::Whole(Box::new(DeadLetter::from_message(&stored.message)?))
            }
        };
        Ok(Listed { number, letter, replayed: mark.and_then(|mark| mark.replayed()) })
    }

    /// Publishes the original message again where it came from, at the end of its partition. A letter that was replayed
    /// before is not sent again, whenever that was.
    ///
    /// The bus would drop the original id as a repetition, so the message travels under another one with the original in
    /// [`REPLAY_HEADER`]; lanes put it back before anything looks at it. That other id is always the same, so a crash between
    /// sending and noting it makes no second message either while the bus remembers it.
    ///
    /// # Errors
    /// As [`show`](Self::show), [`Error::DamagedLetter`], and [`Error::Bus`] when the message was not taken.
    pub async fn replay(&self, number: u64) -> Result<Replay> {
        let Listed { letter, replayed, .. } = self.show(number).await?;
        if let Some(replayed) = replayed {
            return Ok(Replay { replayed, already: true });
        }
        let letter = match letter {
            Kept::Whole(letter) => letter,
            Kept::Damaged { damaged } => return Err(Error::DamagedLetter { number, reason: damaged }),
        };
        let mut message = letter.message()?;
        message.headers.set(REPLAY_HEADER, std::mem::take(&mut message.id));
        message.id = derived_id(&[b"replay", &number.to_be_bytes()]);
        let published = self.bus.publish(&letter.stream, letter.partition, vec![message]).await?;
        let sequence = published.first().ok_or(Error::NoDeadLetter { number })?.sequence;
        let replayed = Replayed { sequence, at_ms: time::now_ms() };
        self.in_store(move |store| {
            let mut batch = Batch::new();
            marks::put(&mut batch, number, Mark::Replayed(replayed))?;
            Ok(store.write(&batch)?)
        })
        .await?;
        Ok(Replay { replayed, already: false })
    }

    /// How many there are.
    ///
    /// # Errors
    /// [`Error::Bus`], [`Error::Store`].
    pub async fn count(&self) -> Result<u64> {
        let Bounds { first, last } = self.bus.bounds(DEAD_LETTERS, PARTITION).await?;
        self.in_store(move |store| {
            let snapshot = store.snapshot()?;
            let first = first.max(marks::below(&*snapshot)?);
            let marks = marks::marks(&*snapshot, first, last)?;
            let purged = marks.values().filter(|mark| **mark == Mark::Purged).count() as u64;
            Ok((last + 1).saturating_sub(first + purged))
        })
        .await
    }

    /// What lies there from `next` on, with what is no letter as `None`. Empty only at the end.
    async fn read(&self, next: u64, max: usize) -> Result<Vec<(u64, Option<Kept>)>> {
        let stored = match self.bus.read(DEAD_LETTERS, PARTITION, next, max).await {
            Ok(stored) => stored,
            Err(error) => match listed::damaged(&error).filter(|number| *number >= next) {
                Some(number) => return Ok(vec![(number, Some(Kept::unreadable(&error)))]),
                None => return Err(error.into()),
            },
        };
        let whole = |Stored { sequence, message, .. }| match DeadLetter::from_message(&message) {
            Ok(letter) => (sequence, Some(Kept::Whole(Box::new(letter)))),
            Err(error) => {
                tracing::debug!(sequence, error = sentence(&error), "no dead letter");
                (sequence, None)
            }
        };
        Ok(stored.into_iter().map(whole).collect())
    }

    /// What was done about one of them.
    async fn mark(&self, number: u64) -> Result<Option<Mark>> {
        let mark = move |store: &dyn Store| {
            let snapshot = store.snapshot()?;
            Ok((marks::below(&*snapshot)?, marks::mark(&*snapshot, number)?))
        };
        match self.in_store(mark).await? {
            (below, _) if number < below => Err(Error::NoDeadLetter { number }),
            (_, Some(Mark::Purged)) => Err(Error::NoDeadLetter { number }),
            (_, mark) => Ok(mark),
        }
    }

    async fn in_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Store) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let store = Arc::clone(&self.store);
        blocking(move || work(&*store)).await?
    }
}

/// Gives a replayed message its own id back.
pub(crate) fn restore_id(message: &mut Message) {
    let headers = &mut message.headers.0;
    if let Some(at) = headers.iter().position(|(name, _)| name == REPLAY_HEADER) {
        let (_, id) = headers.remove(at);
        message.id = id;
    }
}
