use std::{
    borrow::Cow,
    ops::{Bound, ControlFlow},
    sync::Arc,
};

use heed::{RoTxn, WithoutTls};

use super::{Database, place};
use crate::{Error, Result, Snapshot, Table, Visit, batch::check_key};

/// One read transaction.
pub(super) struct View<'a> {
    pub(super) tables: &'a [(Table, Database)],
    pub(super) txn: RoTxn<'a, WithoutTls>,
}

impl View<'_> {
    fn database(&self, table: Table) -> Result<&Database> {
        let place = place(self.tables, table)?;
        self.tables.get(place).map(|(_, database)| database).ok_or(Error::UnknownTable { table })
    }
}

impl Snapshot for View<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>> {
        check_key(key)?;
        let value = self.database(table)?.get(&self.txn, key).map_err(unreadable)?;
        Ok(value.map(Cow::Borrowed))
    }

    fn scan(&self, table: Table, from: &[u8], to: &[u8], visit: Visit<'_>) -> Result<()> {
        let rows = self.database(table)?.range(&self.txn, &bounds(from, to)).map_err(unreadable)?;
        visit_all(rows, visit)
    }

    fn scan_back(&self, table: Table, from: &[u8], to: &[u8], visit: Visit<'_>) -> Result<()> {
        let rows = self.database(table)?.rev_range(&self.txn, &bounds(from, to)).map_err(unreadable)?;
        visit_all(rows, visit)
    }
}

/// LMDB does not take an empty key, not even as a bound.
fn bounds<'a>(from: &'a [u8], to: &'a [u8]) -> (Bound<&'a [u8]>, Bound<&'a [u8]>) {
    let starts = if from.is_empty() { Bound::Unbounded } else { Bound::Included(from) };
    let ends = if to.is_empty() { Bound::Unbounded } else { Bound::Excluded(to) };
    (starts, ends)
}

fn visit_all<'a>(
    rows: impl Iterator<Item = heed::Result<(&'a [u8], &'a [u8])>>,
    visit: Visit<'_>,
) -> Result<()> {
    for row in rows {
        let (key, value) = row.map_err(unreadable)?;
        if visit(key, value) == ControlFlow::Break(()) {
            break;
        }
    }
    Ok(())
}

fn unreadable(error: heed::Error) -> Error {
    Error::Read { source: Arc::new(error) }
}
