use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use store::{Memory, Store};

use super::*;
use crate::tables::FEEDS;

#[derive(Clone, Debug)]
enum Act {
    /// Numbers in the order of an index's life: ascending, but not above the ones that are there.
    Push(BTreeSet<u64>),
    Remove(BTreeSet<u64>),
    Write,
}

fn act() -> impl Strategy<Value = Act> {
    let numbers = || proptest::collection::btree_set(0u64..200, 1..12);
    prop_oneof![numbers().prop_map(Act::Push), numbers().prop_map(Act::Remove), Just(Act::Write)]
}

proptest! {
    #[test]
    fn an_index_is_a_sorted_set_in_bounded_blocks(
        acts in proptest::collection::vec((0u64..3, act()), 1..60),
        block_max in 1usize..9,
    ) {
        let store = Memory::new(&[FEEDS]);
        let mut model: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
        let mut acts = acts.into_iter().peekable();
        while acts.peek().is_some() {
            let snapshot = store.snapshot().unwrap();
            let mut draft = Draft::over(&*snapshot);
            let mut index = Index::new(FEEDS, block_max);
            for (owner, act) in acts.by_ref() {
                let owned = model.entry(owner).or_default();
                match act {
                    Act::Push(numbers) => {
                        // What is pushed within one batch ascends; bringing it in makes room for a lower one.
                        index.bring_in(&mut draft, owner).unwrap();
                        numbers.iter().for_each(|number| index.push(owner, *number));
                        owned.extend(numbers);
                    }
                    Act::Remove(numbers) => {
                        let had = owned.len();
                        owned.retain(|number| !numbers.contains(number));
                        let numbers: Vec<u64> = numbers.into_iter().collect();
                        prop_assert_eq!(index.remove(&mut draft, owner, &numbers).unwrap(), had - owned.len());
                    }
                    Act::Write => break,
                }
            }
            index.flush(&mut draft).unwrap();
            for (owner, owned) in &model {
                prop_assert_eq!(&index.all(&mut draft, *owner).unwrap(), &Vec::from_iter(owned.iter().copied()));
                draft.scan(FEEDS, &pair(*owner, 0), &end_of(*owner), &mut |key, value| {
                    assert!(index.block(key, value).unwrap().len() <= block_max);
                    std::ops::ControlFlow::Continue(())
                }).unwrap();
            }
            let batch = draft.into_batch();
            drop(snapshot);
            store.write(&batch).unwrap();
        }
    }
}
