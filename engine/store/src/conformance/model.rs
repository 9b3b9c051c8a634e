use std::{collections::BTreeMap, ops::ControlFlow};

use super::TABLES;
use crate::{Batch, Snapshot, Store, Table};

type Model = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

/// One change, in the table at an index of [`TABLES`]; no value means delete.
pub type Change = (usize, Vec<u8>, Option<Vec<u8>>);

/// One scan: table index, from, to, backwards, entries wanted.
pub type Query = (usize, Vec<u8>, Vec<u8>, bool, usize);

/// One step of a random walk.
#[derive(Clone, Debug)]
pub enum Step {
    /// Writes a batch.
    Write(Vec<Change>),
    /// Compares a scan, and a `get` of its lower bound.
    Read(Query),
}

/// Walks `steps` through the store and a plain map side by side.
///
/// Keys of writes must be 1–511 bytes.
pub fn agrees_with_model(store: &dyn Store, steps: &[Step]) {
    let mut model = Model::new();
    let table = |index: usize| TABLES[index % TABLES.len()];
    for step in steps {
        match step {
            Step::Write(changes) => {
                let mut batch = Batch::new();
                for (index, key, value) in changes {
                    if let Some(value) = value {
                        batch.put(table(*index), key, value);
                        model.insert((table(*index), key.clone()), value.clone());
                    } else {
                        batch.delete(table(*index), key);
                        model.remove(&(table(*index), key.clone()));
                    }
                }
                store.write(&batch).unwrap();
            }
            Step::Read(query) => compare(&*store.snapshot().unwrap(), &model, query, table(query.0)),
        }
    }
    let everything = |index| (index, vec![], vec![], false, usize::MAX);
    for (index, table) in TABLES.iter().enumerate() {
        compare(&*store.snapshot().unwrap(), &model, &everything(index), table);
    }
}

fn compare(snapshot: &dyn Snapshot, model: &Model, query: &Query, table: Table) {
    let (_, from, to, back, max) = query;
    let mut expected: Vec<(&[u8], &[u8])> = model
        .iter()
        .filter(|((t, key), _)| *t == table && key >= from && (to.is_empty() || key < to))
        .map(|((_, key), value)| (key.as_slice(), value.as_slice()))
        .collect();
    if *back {
        expected.reverse();
    }
    expected.truncate((*max).max(1));

    let mut found = Vec::new();
    let mut visit = |key: &[u8], value: &[u8]| {
        found.push((key.to_vec(), value.to_vec()));
        if found.len() < *max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    if *back {
        snapshot.scan_back(table, from, to, &mut visit).unwrap();
    } else {
        snapshot.scan(table, from, to, &mut visit).unwrap();
    }
    let found: Vec<(&[u8], &[u8])> = found.iter().map(|(k, v)| (k.as_slice(), v.as_slice())).collect();
    assert_eq!(found, expected);
    if !from.is_empty() {
        let expected = model.get(&(table, from.clone())).map(Vec::as_slice);
        assert_eq!(snapshot.get(table, from).unwrap().as_deref(), expected);
    }
}
