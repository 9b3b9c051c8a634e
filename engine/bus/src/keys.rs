//! What a fleet agrees on: small values under names, each with the number of its last change.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::broadcast;

use crate::{Error, Result};

/// A value as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its key.
    pub key: String,
    /// The value, at most 64 KiB.
    pub value: Bytes,
    /// The number of the write that put it there: rises with every write to any key.
    pub revision: u64,
}

/// What happened to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It has a new value.
    Put(Kept),
    /// It is gone.
    Gone {
        /// The key.
        key: String,
    },
}

/// Small, agreed values: who is there, who owns what, which map holds.
///
/// Contract, checked by [`conformance::keys`](crate::conformance):
/// - A write is durable when it is answered, and conditional: it names the revision it replaces (0 where the key
///   is not to exist), and of several that name the same one succeeds.
/// - A watch answers what is there first, then every change in order; of changes to one key that come quickly, only the
///   last may be seen.
#[async_trait]
pub trait KeyValue: Send + Sync + 'static {
    /// The value under `key`.
    ///
    /// # Errors
    /// [`Error::Away`], [`Error::Unavailable`].
    async fn get(&self, key: &str) -> Result<Option<Kept>>;

    /// Writes `value` if the key's revision is `expected`, and answers the new one. Keys are of `a-z 0-9 - _ . /`.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it is another; [`Error::Away`], [`Error::Unavailable`].
    async fn put(&self, key: &str, value: Bytes, expected: u64) -> Result<u64>;

    /// Removes the key if its revision is `expected`. Removing a key that is not there is fine.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it is another; [`Error::Away`], [`Error::Unavailable`].
    async fn remove(&self, key: &str, expected: u64) -> Result<()>;

    /// Watches the keys that begin with `prefix`.
    ///
    /// # Errors
    /// [`Error::Away`], [`Error::Unavailable`].
    async fn watch(&self, prefix: &str) -> Result<Box<dyn Watch>>;
}

/// Changes as they come.
#[async_trait]
pub trait Watch: Send {
    /// Waits for changes and answers at least one; the first answer is all there is, and may be empty. Cancel-safe.
    ///
    /// # Errors
    /// [`Error::Away`] or [`Error::Unavailable`] when the watch broke: watch again.
    async fn next(&mut self) -> Result<Vec<Change>>;
}

/// Changes that a slow watcher of [`MemoryKeys`] may be behind by.
const BEHIND_MAX: usize = 1024;

/// Keys in this process's memory: for tests.
#[derive(Clone)]
pub struct MemoryKeys {
    kept: Arc<Mutex<(u64, BTreeMap<String, Kept>)>>,
    changes: broadcast::Sender<Change>,
}

impl Default for MemoryKeys {
    fn default() -> Self {
        Self { kept: Arc::default(), changes: broadcast::Sender::new(BEHIND_MAX) }
    }
}

#[async_trait]
impl KeyValue for MemoryKeys {
    async fn get(&self, key: &str) -> Result<Option<Kept>> {
        Ok(self.kept.lock().1.get(key).cloned())
    }

    async fn put(&self, key: &str, value: Bytes, expected: u64) -> Result<u64> {
        let mut kept = self.kept.lock();
        let (latest, keys) = &mut *kept;
        if keys.get(key).map_or(0, |kept| kept.revision) != expected {
            return Err(Error::Conflict { key: key.to_owned() });
        }
        *latest += 1;
        let new = Kept { key: key.to_owned(), value, revision: *latest };
        keys.insert(key.to_owned(), new.clone());
        // Nobody may be watching.
        let _ = self.changes.send(Change::Put(new));
        Ok(*latest)
    }

    async fn remove(&self, key: &str, expected: u64) -> Result<()> {
        let mut kept = self.kept.lock();
        match kept.1.get(key) {
            None => return Ok(()),
            Some(found) if found.revision != expected => {
                return Err(Error::Conflict { key: key.to_owned() });
            }
            Some(_) => kept.1.remove(key),
        };
        let _ = self.changes.send(Change::Gone { key: key.to_owned() });
        Ok(())
    }

    async fn watch(&self, prefix: &str) -> Result<Box<dyn Watch>> {
        let kept = self.kept.lock();
        let there = kept.1.values().filter(|kept| kept.key.starts_with(prefix)).cloned();
        Ok(Box::new(MemoryWatch {
            there: Some(there.map(Change::Put).collect()),
            changes: self.changes.subscribe(),
            prefix: prefix.to_owned(),
        }))
    }
}

struct MemoryWatch {
    there: Option<Vec<Change>>,
    changes: broadcast::Receiver<Change>,
    prefix: String,
}

#[async_trait]
impl Watch for MemoryWatch {
    async fn next(&mut self) -> Result<Vec<Change>> {
        if let Some(there) = self.there.take() {
            return Ok(there);
        }
        loop {
            let change = self.changes.recv().await;
            let change = change.map_err(|error| Error::Unavailable { reason: error.to_string() })?;
            let (Change::Put(Kept { key, .. }) | Change::Gone { key }) = &change;
            if key.starts_with(&self.prefix) {
                return Ok(vec![change]);
            }
        }
    }
}
