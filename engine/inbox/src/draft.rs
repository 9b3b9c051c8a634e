//! Changes that are not written yet, over what is: reads see both, as one ordered table.

#[cfg(test)]
mod tests;

use std::{
    borrow::Cow,
    cmp::Ordering,
    collections::BTreeMap,
    ops::{Bound, ControlFlow},
};

use bytes::Bytes;
use store::{Batch, Snapshot, Table, Visit};

use crate::Result;

/// A key and what it has from now on; `None` where it is gone.
type Changes = BTreeMap<Vec<u8>, Option<Bytes>>;

/// What one store batch will hold.
pub(crate) struct Draft<'s> {
    base: &'s dyn Snapshot,
    changes: BTreeMap<Table, Changes>,
}

/// Which way a scan goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

impl<'s> Draft<'s> {
    /// No changes yet.
    pub(crate) fn over(base: &'s dyn Snapshot) -> Self {
        Self { base, changes: BTreeMap::new() }
    }

    pub(crate) fn put(&mut self, table: Table, key: &[u8], value: impl Into<Bytes>) {
        self.changes.entry(table).or_default().insert(key.to_vec(), Some(value.into()));
    }

    pub(crate) fn delete(&mut self, table: Table, key: &[u8]) {
        self.changes.entry(table).or_default().insert(key.to_vec(), None);
    }

    pub(crate) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>> {
        match self.changes.get(table).and_then(|changes| changes.get(key)) {
            Some(change) => Ok(change.as_deref().map(Cow::Borrowed)),
            None => Ok(self.base.get(table, key)?),
        }
    }

    pub(crate) fn has(&self, table: Table, key: &[u8]) -> Result<bool> {
        Ok(self.get(table, key)?.is_some())
    }

    /// Visits `from <= key < to` in ascending order; an empty `to` is no end.
    pub(crate) fn scan(&self, table: Table, from: &[u8], to: &[u8], visit: Visit<'_>) -> Result<()> {
        self.merge(table, from, to, Way::Up, visit)
    }

    /// The lowest entry with `from <= key < to`.
    pub(crate) fn first(&self, table: Table, from: &[u8], to: &[u8]) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        self.one(table, from, to, Way::Up)
    }

    /// The highest entry with `from <= key < to`.
    pub(crate) fn last(&self, table: Table, from: &[u8], to: &[u8]) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        self.one(table, from, to, Way::Down)
    }

    /// The batch that makes the changes.
    pub(crate) fn into_batch(self) -> Batch {
        let mut batch = Batch::new();
        for (table, changes) in self.changes {
            for (key, change) in changes {
                match change {
                    Some(value) => batch.put_bytes(table, &key, value),
                    None => batch.delete(table, &key),
                }
            }
        }
        batch
    }

    fn one(&self, table: Table, from: &[u8], to: &[u8], way: Way) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        let mut found = None;
        self.merge(table, from, to, way, &mut |key, value| {
            found = Some((key.to_vec(), value.to_vec()));
            ControlFlow::Break(())
        })?;
        Ok(found)
    }

    fn merge(&self, table: Table, from: &[u8], to: &[u8], way: Way, visit: Visit<'_>) -> Result<()> {
        if !to.is_empty() && from >= to {
            return Ok(());
        }
        let ends = if to.is_empty() { Bound::Unbounded } else { Bound::Excluded(to) };
        let mut changes =
            self.changes.get(table).map(|all| all.range::<[u8], _>((Bound::Included(from), ends)));
        let mut take = || {
            let changes = changes.as_mut()?;
            if way == Way::Up { changes.next() } else { changes.next_back() }
        };

        let mut change = take();
        let mut flow = ControlFlow::Continue(());
        let mut each = |key: &[u8], value: &[u8]| {
            while let Some((changed, now)) = change {
                let order = changed.as_slice().cmp(key);
                match if way == Way::Up { order } else { order.reverse() } {
                    Ordering::Greater => break,
                    Ordering::Less => {}
                    Ordering::Equal => {
                        change = take();
                        flow = now.as_ref().map_or(ControlFlow::Continue(()), |now| visit(key, now));
                        return flow;
                    }
                }
                change = take();
                if let Some(now) = now {
                    flow = visit(changed, now);
                    if flow.is_break() {
                        return flow;
                    }
                }
            }
            flow = visit(key, value);
            flow
        };
        match way {
            Way::Up => self.base.scan(table, from, to, &mut each)?,
            Way::Down => self.base.scan_back(table, from, to, &mut each)?,
        }
        while let (ControlFlow::Continue(()), Some((changed, now))) = (flow, change) {
            change = take();
            flow = now.as_ref().map_or(ControlFlow::Continue(()), |now| visit(changed, now));
        }
        Ok(())
    }
}
