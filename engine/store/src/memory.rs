//! Tables in memory: for tests, tools and the conformance suite's second opinion.
//!
//! A snapshot is a reference count; the price is that the first write to a table which a living
//! snapshot can see copies the table's index (not its values).

use std::{
    borrow::Cow,
    collections::BTreeMap,
    ops::{Bound, ControlFlow},
    sync::Arc,
};

use bytes::Bytes;
use parking_lot::RwLock;

use crate::{Batch, Error, Op, Result, Snapshot, Store, Table, Visit, batch::check_key};

type Rows = BTreeMap<Bytes, Bytes>;
type Tables = BTreeMap<Table, Arc<Rows>>;

/// A store that lives as long as its process.
#[derive(Debug)]
pub struct Memory {
    tables: RwLock<Arc<Tables>>,
}

impl Memory {
    /// An empty store with these tables.
    #[must_use]
    pub fn new(tables: &[Table]) -> Self {
        let tables = tables.iter().map(|table| (*table, Arc::default())).collect();
        Self { tables: RwLock::new(Arc::new(tables)) }
    }
}

impl Store for Memory {
    fn write(&self, batch: &Batch) -> Result<()> {
        let mut tables = self.tables.write();
        for op in batch.ops() {
            op.check()?;
            if !tables.contains_key(op.table()) {
                return Err(Error::UnknownTable { table: op.table() });
            }
        }
        let tables = Arc::make_mut(&mut tables);
        for op in batch.ops() {
            let Some(rows) = tables.get_mut(op.table()) else { continue };
            let rows = Arc::make_mut(rows);
            match op {
                Op::Put { key, value, .. } => {
                    rows.insert(Bytes::copy_from_slice(key), Bytes::copy_from_slice(value));
                }
                Op::Delete { key, .. } => {
                    rows.remove(key);
                }
            }
        }
        Ok(())
    }

    fn snapshot(&self) -> Result<Box<dyn Snapshot + '_>> {
        Ok(Box::new(Moment(Arc::clone(&self.tables.read()))))
    }
}

struct Moment(Arc<Tables>);

impl Moment {
    fn rows(&self, table: Table) -> Result<&Rows> {
        self.0.get(table).map(Arc::as_ref).ok_or(Error::UnknownTable { table })
    }
}

impl Snapshot for Moment {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>> {
        check_key(key)?;
        Ok(self.rows(table)?.get(key).map(|value| Cow::Borrowed(value.as_ref())))
    }

    fn scan(&self, table: Table, from: &[u8], to: &[u8], visit: Visit<'_>) -> Result<()> {
        visit_all(between(self.rows(table)?, from, to), visit);
        Ok(())
    }

    fn scan_back(&self, table: Table, from: &[u8], to: &[u8], visit: Visit<'_>) -> Result<()> {
        visit_all(between(self.rows(table)?, from, to).rev(), visit);
        Ok(())
    }
}

fn between<'a>(
    rows: &'a Rows,
    from: &[u8],
    to: &[u8],
) -> impl DoubleEndedIterator<Item = (&'a Bytes, &'a Bytes)> {
    let bounds = match to {
        [] => (Bound::Included(from), Bound::Unbounded),
        // A range that ends before it starts is empty here, as on disk; the map would panic.
        to => (Bound::Included(from.min(to)), Bound::Excluded(to)),
    };
    rows.range::<[u8], _>(bounds)
}

fn visit_all<'a>(rows: impl Iterator<Item = (&'a Bytes, &'a Bytes)>, visit: Visit<'_>) {
    for (key, value) in rows {
        if visit(key, value) == ControlFlow::Break(()) {
            return;
        }
    }
}
