use proptest::prelude::*;
use store::{Memory, Store};

use super::*;

const TABLE: Table = "rows";

proptest! {
    #[test]
    fn a_draft_reads_like_the_table_it_will_become(
        before in proptest::collection::btree_map(0u8..30, any::<u8>(), 0..20),
        changes in proptest::collection::btree_map(0u8..30, proptest::option::of(any::<u8>()), 0..20),
        from in 0u8..32,
        to in proptest::option::of(0u8..32),
        visits_max in 1usize..40,
    ) {
        let store = Memory::new(&[TABLE]);
        let mut batch = Batch::new();
        let mut after = before.clone();
        before.iter().for_each(|(key, value)| batch.put(TABLE, &[*key], &[*value]));
        store.write(&batch).unwrap();

        let snapshot = store.snapshot().unwrap();
        let mut draft = Draft::over(&*snapshot);
        for (key, change) in &changes {
            match change {
                Some(value) => {
                    draft.put(TABLE, &[*key], vec![*value]);
                    after.insert(*key, *value);
                }
                None => {
                    draft.delete(TABLE, &[*key]);
                    after.remove(key);
                }
            }
        }

        let to_key = to.map(|to| vec![to]).unwrap_or_default();
        let expected: Vec<(u8, u8)> =
            after.iter().filter(|(k, _)| **k >= from && to.is_none_or(|to| **k < to)).map(|(k, v)| (*k, *v)).collect();
        let mut seen = Vec::new();
        draft.scan(TABLE, &[from], &to_key, &mut |key, value| {
            seen.push((key[0], value[0]));
            if seen.len() == visits_max { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }).unwrap();
        prop_assert_eq!(&seen, &expected[..expected.len().min(visits_max)]);
        let plain = |row: Option<(Vec<u8>, Vec<u8>)>| row.map(|(key, value)| (key[0], value[0]));
        prop_assert_eq!(plain(draft.first(TABLE, &[from], &to_key).unwrap()), expected.first().copied());
        prop_assert_eq!(plain(draft.last(TABLE, &[from], &to_key).unwrap()), expected.last().copied());
        for key in 0..30 {
            prop_assert_eq!(draft.get(TABLE, &[key]).unwrap().map(|v| v[0]), after.get(&key).copied());
        }

        let batch = draft.into_batch();
        drop(snapshot);
        store.write(&batch).unwrap();
        let snapshot = store.snapshot().unwrap();
        let mut stored = BTreeMap::new();
        snapshot.scan(TABLE, &[], &[], &mut |key, value| {
            stored.insert(key[0], value[0]);
            ControlFlow::Continue(())
        }).unwrap();
        prop_assert_eq!(stored, after);
    }
}
