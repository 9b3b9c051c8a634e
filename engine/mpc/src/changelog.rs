//! What the lanes of one partition keep, as a log on the bus, so that another process can take the partition over.
//!
//! One process alone has its store, and needs no changelog. In a fleet a partition's state, ledgers and router's state
//! are appended to the stream `changelog-<input>`, in the partition of the same number, before they are written to the
//! own store, which is then a copy that may be thrown away. Whoever takes the partition over reads what it misses.
//!
//! An append names the record it follows. Of two processes that both believe to own the partition only one gets its next
//! commit in; the other hears [`bus::Error::Moved`], forgets what it has in hand, and acknowledges nothing. That is what
//! makes taking over safe, however long the old owner slept.
//!
//! The process that took it over may be the same one: a partition that comes back finds the lane before still busy with its last batch,
//! and whoever had it in between committed. So a commit is of one life of a lane, and where a later one has begun, or the log was found
//! to hold what others appended, it is refused as well.
//!
//! The log is bounded by snapshots: now and then all rows are appended anew, and everything before them is trimmed.

mod record;
mod rows;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, sync::Arc, time::Duration};

use bus::{Bounds, Bus, StreamSpec};
use bytes::Bytes;
use model::{Message, Name};
use parking_lot::Mutex;
use store::{Batch, Store, Table};
use tokio::time::sleep;

use crate::{
    Error, Fault, Result, dead,
    lane::{blocking, bounds, partition_prefix},
};

/// What is logged: everything a lane keeps about a partition. The place in the list is what a record says.
const KEPT: [Table; 5] = ["state", "ledger", "lane", "seen", "seen-order"];
/// How far the own store is: prefix of the partition → sequence of the newest record it has.
const POSITIONS: Table = "changelog";
/// A position that is none: the store was being emptied.
const EMPTYING: u64 = u64::MAX;
/// How often, and how far apart, an append is tried that finds too much waiting for the network.
const TRIES: u32 = 20;
const TRY_EVERY: Duration = Duration::from_millis(100);
/// Records read at once at most.
const READ_MAX: usize = 256;

/// The changelogs of this process, one for each partition in use.
pub(crate) struct Changelogs {
    bus: Arc<dyn Bus>,
    store: Arc<dyn Store>,
    records_max: u64,
    fault: Option<Fault>,
    known: Mutex<HashMap<(Name, u32), Arc<Log>>>,
}

impl Changelogs {
    /// Snapshots are taken when a partition has more than `records_max` records.
    pub(crate) fn new(
        bus: Arc<dyn Bus>,
        store: Arc<dyn Store>,
        records_max: u64,
        fault: Option<Fault>,
    ) -> Self {
        Self { bus, store, records_max: records_max.max(1), fault, known: Mutex::default() }
    }

    /// The changelog of a partition of `input`, which has `partitions`, for a lane of `chain` that begins; the own store is level with it,
    /// and lives of that lane before this one commit no more. Call it with the subscription to the partition in hand.
    pub(crate) async fn open(
        &self,
        input: &Name,
        partition: u32,
        partitions: u32,
        chain: &Name,
    ) -> Result<Changelog> {
        let spec = described(input, partitions)?;
        self.bus.provision(&spec).await?;
        let stream = spec.name;
        let log = {
            let mut known = self.known.lock();
            let new = || {
                Arc::new(Log {
                    bus: Arc::clone(&self.bus),
                    store: Arc::clone(&self.store),
                    records_max: self.records_max,
                    fault: self.fault,
                    prefix: partition_prefix(input, partition),
                    stream,
                    partition,
                    lives: Mutex::default(),
                    state: tokio::sync::Mutex::default(),
                })
            };
            Arc::clone(known.entry((input.clone(), partition)).or_insert_with(new))
        };
        let mut state = log.state.lock().await;
        log.catch_up(&mut state).await?;
        let life = log.lives.lock().begin(chain);
        drop(state);
        Ok(Changelog { log, chain: chain.clone(), life })
    }
}

/// The stream that keeps the changelog of `input`.
fn described(input: &str, partitions: u32) -> Result<StreamSpec> {
    let stream = Name::new(&format!("changelog-{input}"))
        .map_err(|error| Error::Malformed { what: "a changelog's name", reason: error.to_string() })?;
    Ok(StreamSpec::new(stream, partitions))
}

/// Makes the streams that a fleet's distributors need for chains that read `input`: its changelog, and the dead letters.
/// They make them themselves where they may.
///
/// # Errors
/// What the bus answers.
pub async fn provision(bus: &dyn Bus, input: &str, partitions: u32) -> Result<()> {
    bus.provision(&described(input, partitions)?).await?;
    bus.provision(&dead::described()?).await?;
    Ok(())
}

/// A partition's changelog, in the hands of one life of a lane.
pub(crate) struct Changelog {
    log: Arc<Log>,
    chain: Name,
    life: u64,
}

impl Changelog {
    /// Appends what `batch` changes, and lets `write` bring it into the own store. Both or an error, after which the lane has
    /// to begin again.
    ///
    /// # Errors
    /// [`bus::Error::Moved`] when the partition has another owner by now; [`Error::Behind`] when it had one meanwhile, or has a later life
    /// of the lane; what bus and store answer.
    pub(crate) async fn commit(
        &self,
        batch: Batch,
        write: impl AsyncFnOnce(Arc<Batch>) -> Result<()>,
    ) -> Result<()> {
        let mut state = self.log.state.lock().await;
        self.check()?;
        self.log.commit(&mut state, batch, write).await
    }

    /// Whether everything that this life has read of the store is what it may go by, up to now. To be asked before anything made of it
    /// gets out.
    ///
    /// # Errors
    /// [`Error::Behind`].
    pub(crate) fn check(&self) -> Result<()> {
        if self.log.lives.lock().current.get(&self.chain) == Some(&self.life) {
            Ok(())
        } else {
            Err(Error::Behind)
        }
    }
}

/// One partition's changelog, as this process knows it. The lanes of several chains may share it.
struct Log {
    bus: Arc<dyn Bus>,
    store: Arc<dyn Store>,
    records_max: u64,
    fault: Option<Fault>,
    /// What the keys of the partition begin with.
    prefix: Bytes,
    stream: Name,
    partition: u32,
    lives: Mutex<Lives>,
    state: tokio::sync::Mutex<State>,
}

/// Whose view of the store is right.
#[derive(Default)]
struct Lives {
    /// Of each chain, the life whose lane has read what stands there. Ended before the store takes anything from elsewhere.
    current: HashMap<Name, u64>,
    /// How many there were.
    begun: u64,
}

impl Lives {
    fn begin(&mut self, chain: &Name) -> u64 {
        self.begun += 1;
        self.current.insert(chain.clone(), self.begun);
        self.begun
    }
}

#[derive(Default)]
struct State {
    /// Nothing while it is not known where the log ends: then it takes no commit until somebody caught up.
    tip: Option<Tip>,
}

/// Where log and store are, level with each other.
#[derive(Clone, Copy)]
struct Tip {
    /// The newest record.
    last: u64,
    /// The oldest one.
    first: u64,
    /// How many records the newest snapshot took, where this process took it.
    snapshot: u64,
}

impl Log {
    async fn commit(
        &self,
        state: &mut State,
        mut batch: Batch,
        write: impl AsyncFnOnce(Arc<Batch>) -> Result<()>,
    ) -> Result<()> {
        // Whatever fails from here on leaves it open whether log and store are level.
        let Some(Tip { first, last, snapshot }) = state.tip.take() else { return Err(Error::Behind) };
        let mut last = last;
        for records in record::appends(&batch, record::COMMIT_MAX) {
            last = self.append(last, records).await?;
        }
        batch.put(POSITIONS, &self.prefix, &last.to_be_bytes());
        write(Arc::new(batch)).await?;
        let now = Tip { first, last, snapshot };
        state.tip = Some(if last - first > self.records_max + 2 * snapshot {
            self.snapshot(now).await?
        } else {
            now
        });
        Ok(())
    }

    /// Appends behind record `after` and nowhere else.
    async fn append(&self, after: u64, records: Vec<Message>) -> Result<u64> {
        let after = match self.fault {
            Some(Fault::CommitUnfenced) => self.bus.bounds(&self.stream, self.partition).await?.last,
            _ => after,
        };
        for _ in 1..TRIES {
            match self.bus.append(&self.stream, self.partition, after, records.clone()).await {
                // Nothing of it is on its way.
                Err(bus::Error::Overloaded { .. }) => sleep(TRY_EVERY).await,
                answered => return Ok(answered?),
            }
        }
        Ok(self.bus.append(&self.stream, self.partition, after, records).await?)
    }

    /// Brings the own store level with the log. Where it was not, what lanes have read is not what stands there now.
    async fn catch_up(&self, state: &mut State) -> Result<()> {
        state.tip = None;
        let mut at = self.position().await?;
        let (stream, partition) = (&self.stream, self.partition);
        let reaching = if at == EMPTYING { 0 } else { at };
        let Bounds { first, last } = bounds(&*self.bus, stream, partition, reaching).await?;
        tracing::debug!(%stream, partition, at, first, last, "the store is brought level");
        if at != last {
            self.lives.lock().current.clear();
        }
        if at > last || at + 1 < first {
            if at > last && at != EMPTYING {
                // The log decides: it is what another owner would have gone by.
                tracing::warn!(%stream, partition, at, last, "the store is ahead of its changelog and is rebuilt");
            }
            self.forget().await?;
            at = first.saturating_sub(1).min(last);
        }
        while at < last {
            let records = self.bus.read(&self.stream, self.partition, at + 1, READ_MAX).await?;
            let mut batch = Batch::new();
            for stored in &records {
                if stored.sequence != at + 1 {
                    break;
                }
                record::decode(&stored.message, &mut batch)?;
                at = stored.sequence;
            }
            if batch.is_empty() && records.first().is_none_or(|stored| stored.sequence > at + 1) {
                let reason =
                    format!("record {} of `{}` partition {} is missing", at + 1, self.stream, self.partition);
                return Err(Error::Malformed { what: "a changelog", reason });
            }
            batch.put(POSITIONS, &self.prefix, &at.to_be_bytes());
            self.write(batch).await?;
        }
        state.tip = Some(Tip { first: first.min(at.max(1)), last: at, snapshot: 0 });
        Ok(())
    }

    /// Appends all rows anew and lets go of what is before them. Nobody commits meanwhile.
    async fn snapshot(&self, Tip { last: before, .. }: Tip) -> Result<Tip> {
        let mut last = self.append(before, vec![record::beginning()]).await?;
        let mut next = Some(rows::Cursor::default());
        while let Some(cursor) = next {
            let (store, prefix) = (Arc::clone(&self.store), self.prefix.clone());
            let (batch, rest) = blocking(move || rows::some(&*store, &prefix, cursor)).await??;
            for records in record::appends(&batch, record::SNAPSHOT_MAX) {
                last = self.append(last, records).await?;
            }
            next = rest;
        }
        let mut position = Batch::new();
        position.put(POSITIONS, &self.prefix, &last.to_be_bytes());
        self.write(position).await?;
        let first = before + 1;
        self.bus.trim(&self.stream, self.partition, first).await?;
        let (stream, partition, records) = (&self.stream, self.partition, last - before);
        tracing::debug!(%stream, partition, records, "a snapshot bounds the changelog");
        Ok(Tip { first, last, snapshot: last - before })
    }

    async fn position(&self) -> Result<u64> {
        let (store, prefix) = (Arc::clone(&self.store), self.prefix.clone());
        blocking(move || {
            let row = store.snapshot()?.get(POSITIONS, &prefix)?.map(std::borrow::Cow::into_owned);
            let Some(row) = row else { return Ok(0) };
            let number = <[u8; 8]>::try_from(&row[..]).map(u64::from_be_bytes);
            number.map_err(|_| Error::Malformed {
                what: "a changelog's position",
                reason: format!("it has {} bytes, not 8", row.len()),
            })
        })
        .await?
    }

    /// Removes everything the own store has of the partition.
    async fn forget(&self) -> Result<()> {
        let mut next = Some(rows::Cursor::default());
        while let Some(cursor) = next {
            let (store, prefix) = (Arc::clone(&self.store), self.prefix.clone());
            let (batch, rest) = blocking(move || rows::some(&*store, &prefix, cursor)).await??;
            let mut gone = Batch::new();
            for op in batch.ops() {
                gone.delete(op.table(), op.key());
            }
            // What is left, should this be all that happens, is no store to go on from.
            match rest {
                Some(_) => gone.put(POSITIONS, &self.prefix, &EMPTYING.to_be_bytes()),
                None => gone.delete(POSITIONS, &self.prefix),
            }
            self.write(gone).await?;
            next = rest;
        }
        Ok(())
    }

    async fn write(&self, batch: Batch) -> Result<()> {
        let store = Arc::clone(&self.store);
        Ok(blocking(move || store.write(&batch)).await??)
    }
}
