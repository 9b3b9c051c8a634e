//! Who reads a partition for a group: one process, by a lease in the bucket `leases`.
//!
//! A lease is renewed every third of its `ttl` by a conditional write. It is judged expired by a contender that saw no new
//! revision for `ttl` on its own clock; no clock is compared with another one's. The holder counts from when its last
//! successful renewal was *sent* and stops a little before anybody could take over. What it had sent before, and comes
//! late, goes to a consumer that the one who took over has replaced.
//!
//! Those who may come to contend [follow](Leases::follow) all leases, so that the `ttl` of a holder that died runs while its
//! death is still being noticed. What a watch brings late, or not at all, only makes a lease look younger than it is:
//! whoever takes one reads it first, and writes on the condition of what it read.

#[cfg(test)]
mod tests;

use std::{collections::HashMap, convert::Infallible, sync::Arc, time::Duration};

use bus::{Change, KeyValue};
use bytes::Bytes;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use crate::{Error, Result, lane::Note};

/// A lease as it stands in the bucket.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Lease {
    /// Who has it; none once it was given back.
    pub(crate) holder: Option<String>,
    /// For people: the holder's node.
    pub(crate) node: String,
    /// Rises whenever it changes hands without having been given back.
    pub(crate) epoch: u64,
    /// The group by its real name.
    pub(crate) group: String,
    /// Renewals so far.
    pub(crate) beats: u64,
    /// What the one who gave it back knows, and the consumer does not.
    pub(crate) note: Option<Note>,
}

/// How a lease was come by.
pub(crate) enum Taken {
    /// It was given back, or nobody had it yet: its consumer, if there is one, goes on.
    Free(Option<Note>),
    /// Its holder is gone: the consumer must be replaced.
    Expired,
}

/// A lease that is held.
pub(crate) struct Held {
    pub(crate) lease: Lease,
    pub(crate) revision: u64,
    /// When the write that made it so was sent.
    pub(crate) sent: Instant,
    pub(crate) taken: Taken,
}

/// An own lease, as it stands.
pub(crate) struct Mine {
    pub(crate) revision: u64,
    /// Which renewal it is of.
    pub(crate) beats: u64,
}

/// All leases, as this process sees them.
pub(crate) struct Leases {
    keys: Arc<dyn KeyValue>,
    /// This process, this once.
    me: String,
    node: String,
    ttl: Duration,
    /// Leases as they were seen: the revision, and since when.
    seen: Mutex<HashMap<String, (u64, Instant)>>,
}

impl Leases {
    pub(crate) fn new(keys: Arc<dyn KeyValue>, me: String, node: String, ttl: Duration) -> Self {
        Self { keys, me, node, ttl, seen: Mutex::default() }
    }

    pub(crate) fn ttl(&self) -> Duration {
        self.ttl
    }

    /// Takes the lease if it is free or expired; none while another has it.
    pub(crate) async fn take(&self, key: &str, group: &str) -> Result<Option<Held>> {
        let found = self.keys.get(key).await?;
        let revision = found.as_ref().map_or(0, |kept| kept.revision);
        let old: Option<Lease> = found.and_then(|kept| serde_json::from_slice(&kept.value).ok());
        let (epoch, taken) = match old {
            None => (1, Taken::Free(None)),
            Some(Lease { holder: None, epoch, note, .. }) => (epoch, Taken::Free(note)),
            // An own one that is taken again was lost here, and is over for whoever had it in this process.
            Some(Lease { holder: Some(holder), epoch, .. }) => {
                if holder != self.me && !self.is_stale(key, revision) {
                    return Ok(None);
                }
                (epoch + 1, Taken::Expired)
            }
        };
        let lease = Lease {
            holder: Some(self.me.clone()),
            node: self.node.clone(),
            epoch,
            group: group.to_owned(),
            beats: 0,
            note: None,
        };
        let sent = Instant::now();
        match self.write(key, &lease, revision).await {
            Ok(revision) => {
                self.seen.lock().remove(key);
                Ok(Some(Held { lease, revision, sent, taken }))
            }
            Err(Error::Conflict { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sees every renewal, for as long as it is polled.
    pub(crate) async fn follow(&self) {
        let mut deaf = false;
        loop {
            let Err(error) = self.watch(&mut deaf).await;
            // Once for each time: it is tried again several times a second.
            if !std::mem::replace(&mut deaf, true) {
                tracing::warn!(%error, "failed to watch the leases: taking over from somebody who dies takes longer");
            }
            sleep(self.ttl / 10).await;
        }
    }

    /// Ends when the watch breaks; `deaf` until it has brought something.
    async fn watch(&self, deaf: &mut bool) -> Result<Infallible> {
        let mut watch = self.keys.watch("").await?;
        loop {
            for change in watch.next().await? {
                match change {
                    Change::Put(kept) => self.heard(&kept.key, kept.revision),
                    Change::Gone { key } => drop(self.seen.lock().remove(&key)),
                }
            }
            if std::mem::take(deaf) {
                tracing::info!("the leases are watched again");
            }
        }
    }

    /// Whether this revision has been there for long enough.
    fn is_stale(&self, key: &str, revision: u64) -> bool {
        self.seen_since(key, revision).elapsed() >= self.ttl
    }

    /// Since when this process knows the revision that it has just read: now, where it knew another one. A lower one is as new
    /// as a higher one, since a bucket may have been made anew.
    fn seen_since(&self, key: &str, revision: u64) -> Instant {
        let mut seen = self.seen.lock();
        let (known, since) = seen.entry(key.to_owned()).or_insert_with(|| (revision, Instant::now()));
        if *known != revision {
            (*known, *since) = (revision, Instant::now());
        }
        *since
    }

    /// Takes note of what the watch brings. It is not in step with those who read: what it brings late is nothing new, or a
    /// lease that stands still would look renewed with every such word.
    fn heard(&self, key: &str, revision: u64) {
        let mut seen = self.seen.lock();
        let (known, since) = seen.entry(key.to_owned()).or_insert_with(|| (revision, Instant::now()));
        if *known < revision {
            (*known, *since) = (revision, Instant::now());
        }
    }

    pub(crate) async fn write(&self, key: &str, lease: &Lease, revision: u64) -> Result<u64> {
        let value = serde_json::to_vec(lease)
            .map_err(|error| Error::Unavailable { reason: format!("a lease cannot be written: {error}") })?;
        self.keys.put(key, Bytes::from(value), revision).await
    }

    /// The lease as it stands, if it is this process's and of this epoch: after a write whose outcome is not known.
    pub(crate) async fn mine(&self, key: &str, epoch: u64) -> Result<Option<Mine>> {
        let Some(kept) = self.keys.get(key).await? else { return Ok(None) };
        let lease: Option<Lease> = serde_json::from_slice(&kept.value).ok();
        let mine = lease.filter(|lease| lease.holder.as_ref() == Some(&self.me) && lease.epoch == epoch);
        Ok(mine.map(|lease| Mine { revision: kept.revision, beats: lease.beats }))
    }

    /// Whether somebody has the lease. One who is gone counts until the lease has expired under the eyes of this process.
    pub(crate) async fn is_held(&self, key: &str) -> Result<bool> {
        let Some(kept) = self.keys.get(key).await? else { return Ok(false) };
        let lease: Option<Lease> = serde_json::from_slice(&kept.value).ok();
        Ok(lease.is_some_and(|lease| lease.holder.is_some()) && !self.is_stale(key, kept.revision))
    }

    pub(crate) async fn remove(&self, key: &str) -> Result<()> {
        loop {
            let Some(kept) = self.keys.get(key).await? else { return Ok(()) };
            match self.keys.remove(key, kept.revision).await {
                Err(Error::Conflict { .. }) => {}
                removed => return removed,
            }
        }
    }
}
