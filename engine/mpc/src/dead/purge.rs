//! Letting go of dead letters: of those that people are done with, and of the oldest when there are too many.

use std::{collections::BTreeSet, time::Duration};

use bus::Bounds;
use store::{Batch, Snapshot};
use tokio::time::{MissedTickBehavior, interval};

use super::{
    DeadLetters, PARTITION,
    marks::{self, Mark},
};
use crate::{DEAD_LETTERS, Result, lane::sentence, metric};

/// How often somebody looks whether there are too many.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Which dead letters are to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purge {
    /// Those with these numbers. Numbers under which none lies are passed over.
    Numbers(Vec<u64>),
    /// All up to and including this number.
    UpTo(u64),
}

/// What a purge did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Letters that were there before and are gone now.
    pub letters: u64,
    /// Of these, those that were never replayed.
    pub unreplayed: u64,
}

impl DeadLetters {
    /// Purges letters: they are neither listed nor replayed any more, for good. The bus has their room back once all
    /// before them are purged too, but for the newest message, which stays.
    ///
    /// # Errors
    /// [`Error::Bus`](crate::Error::Bus), [`Error::Store`](crate::Error::Store).
    pub async fn purge(&self, which: Purge) -> Result<Purged> {
        let bounds = self.bus.bounds(DEAD_LETTERS, PARTITION).await?;
        let (below, purged) = self
            .in_store(move |store| {
                let Plan { batch, below, purged } = Plan::of(&*store.snapshot()?, &which, bounds)?;
                if purged.letters > 0 {
                    store.write(&batch)?;
                }
                Ok((below, purged))
            })
            .await?;
        self.bus.trim(DEAD_LETTERS, PARTITION, below).await?;
        Ok(purged)
    }

    /// Purges the oldest where there are more than `retain`, and says so when some of them were never replayed.
    pub(crate) async fn bound(&self, retain: u64) -> Result<Purged> {
        let Bounds { last, .. } = self.bus.bounds(DEAD_LETTERS, PARTITION).await?;
        let purged = self.purge(Purge::UpTo(last.saturating_sub(retain))).await?;
        let Purged { letters, unreplayed } = purged;
        if unreplayed > 0 {
            metrics::counter!(metric::DEAD_LETTERS_DROPPED).increment(unreplayed);
            tracing::warn!(
                letters,
                unreplayed,
                retain,
                "there are too many dead letters and the oldest went: replay or purge what is there"
            );
        }
        Ok(purged)
    }

    /// Keeps to the bound for as long as it runs.
    pub(crate) async fn keep(self, retain: u64) {
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            look.tick().await;
            if let Err(error) = self.bound(retain).await {
                tracing::warn!(error = sentence(&error), "dead letters are not bounded just now");
            }
        }
    }
}

/// What is to be written, and what that comes to.
struct Plan {
    batch: Batch,
    /// All letters before it are purged.
    below: u64,
    purged: Purged,
}

impl Plan {
    fn of(snapshot: &dyn Snapshot, which: &Purge, bounds: Bounds) -> Result<Self> {
        let first = bounds.first.max(marks::below(snapshot)?);
        match which {
            Purge::UpTo(to) => Self::up_to(snapshot, first, (*to).min(bounds.last)),
            Purge::Numbers(numbers) => {
                let there = first..=bounds.last;
                let numbers = numbers.iter().copied().filter(|number| there.contains(number));
                Self::numbers(snapshot, first, numbers.collect())
            }
        }
    }

    fn up_to(snapshot: &dyn Snapshot, first: u64, to: u64) -> Result<Self> {
        let (mut batch, mut purged) = (Batch::new(), Purged::default());
        let below = first.max(to + 1);
        let marked = if below > first { marks::marks(snapshot, first, to)? } else { Default::default() };
        let gone = marked.values().filter(|mark| **mark == Mark::Purged).count() as u64;
        purged.letters = below - first - gone;
        purged.unreplayed = below - first - marked.len() as u64;
        // Those right behind may have been purged by their numbers: nothing is kept before the oldest letter.
        let mut end = below;
        while is_purged(snapshot, end)? {
            end += 1;
        }
        marks::put_below(&mut batch, end, marked.into_keys().chain(below..end));
        Ok(Self { batch, below: end, purged })
    }

    fn numbers(snapshot: &dyn Snapshot, first: u64, numbers: BTreeSet<u64>) -> Result<Self> {
        let (mut batch, mut purged) = (Batch::new(), Purged::default());
        let mut below = first;
        while numbers.contains(&below) || is_purged(snapshot, below)? {
            below += 1;
        }
        for number in numbers {
            let mark = marks::mark(snapshot, number)?;
            if mark == Some(Mark::Purged) {
                continue;
            }
            purged.letters += 1;
            purged.unreplayed += u64::from(mark.is_none());
            if number >= below {
                marks::put(&mut batch, number, Mark::Purged)?;
            }
        }
        marks::put_below(&mut batch, below, first..below);
        Ok(Self { batch, below, purged })
    }
}

fn is_purged(snapshot: &dyn Snapshot, number: u64) -> Result<bool> {
    Ok(marks::mark(snapshot, number)? == Some(Mark::Purged))
}

#[cfg(test)]
mod tests;
