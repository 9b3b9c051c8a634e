//! What a lane has written and not yet committed, in front of what the store holds.
//!
//! A lane is the only writer of its keys, so a read answered here or, failing that, below is exact: messages of
//! one batch see one another's writes, and a batch may run while the one before it is being committed.

use std::{
    collections::{HashMap, VecDeque},
    ops::ControlFlow,
    sync::Arc,
};

use bytes::Bytes;
use parking_lot::RwLock;
use store::{Batch, Store, Table, Visit};

/// Table and key → the value, or that there is none any more.
type Rows = HashMap<(Table, Bytes), Option<Bytes>>;

/// The uncommitted writes of a lane, newest layer first.
pub(super) struct Overlay {
    store: Arc<dyn Store>,
    layers: RwLock<Layers>,
}

#[derive(Default)]
struct Layers {
    /// Of the batch that runs.
    open: Rows,
    /// Of the batches that are being committed, oldest first.
    sealed: VecDeque<Arc<Writes>>,
}

/// The writes of one batch; of each key the last.
#[derive(Default)]
pub(super) struct Writes(Rows);

impl Overlay {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, layers: RwLock::default() }
    }

    /// The newest value. Reads the store where no layer has the key.
    pub(super) fn get(&self, table: Table, key: &[u8]) -> store::Result<Option<Bytes>> {
        let place = (table, Bytes::copy_from_slice(key));
        {
            let layers = self.layers.read();
            let sealed = layers.sealed.iter().rev().map(|writes| &writes.0);
            if let Some(value) = std::iter::once(&layers.open).chain(sealed).find_map(|rows| rows.get(&place))
            {
                return Ok(value.clone());
            }
        }
        let snapshot = self.store.snapshot()?;
        Ok(snapshot.get(table, key)?.map(|value| Bytes::from(value.into_owned())))
    }

    /// Visits what is committed under `prefix`, ascending, until `visit` breaks. Layers above are not looked at.
    pub(super) fn scan_committed(&self, table: Table, prefix: &[u8], visit: Visit<'_>) -> store::Result<()> {
        let mut within = |key: &[u8], value: &[u8]| match key.starts_with(prefix) {
            true => visit(key, value),
            false => ControlFlow::Break(()),
        };
        self.store.snapshot()?.scan(table, prefix, &[], &mut within)
    }

    pub(super) fn put(&self, table: Table, key: Bytes, value: Option<Bytes>) {
        self.layers.write().open.insert((table, key), value);
    }

    /// Ends the layer of the batch that ran. It stays visible until [`forget_oldest`](Self::forget_oldest).
    pub(super) fn seal(&self) -> Arc<Writes> {
        let mut layers = self.layers.write();
        let writes = Arc::new(Writes(std::mem::take(&mut layers.open)));
        layers.sealed.push_back(Arc::clone(&writes));
        writes
    }

    /// The oldest sealed layer is in the store now.
    pub(super) fn forget_oldest(&self) {
        self.layers.write().sealed.pop_front();
    }
}

impl Writes {
    /// Adds the writes to `batch`.
    pub(super) fn add_to(&self, batch: &mut Batch) {
        for ((table, key), value) in &self.0 {
            match value {
                Some(value) => batch.put_bytes(table, key, value.clone()),
                None => batch.delete(table, key),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_are_seen_before_during_and_after_their_commit() {
        let store = Arc::new(store::Memory::new(&["state"]));
        let overlay = Overlay::new(Arc::clone(&store) as Arc<dyn Store>);
        let read = |overlay: &Overlay| overlay.get("state", b"k").unwrap();
        overlay.put("state", "k".into(), Some("1".into()));
        assert_eq!(read(&overlay).as_deref(), Some(&b"1"[..]));
        let first = overlay.seal();
        overlay.put("state", "k".into(), None);
        assert_eq!(read(&overlay), None);
        overlay.seal();
        let mut batch = Batch::new();
        first.add_to(&mut batch);
        store.write(&batch).unwrap();
        overlay.forget_oldest();
        assert_eq!(read(&overlay), None, "the newer layer hides what was committed");
        overlay.forget_oldest();
        assert_eq!(read(&overlay).as_deref(), Some(&b"1"[..]));
    }
}
