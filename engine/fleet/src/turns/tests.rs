#![allow(clippy::unwrap_used, reason = "what fails here is a test")]

use std::{collections::BTreeSet, time::Duration};

use bus::{KeyValue, MemoryKeys};
use proptest::prelude::*;

use super::*;

fn names(count: usize) -> BTreeSet<String> {
    (0..count).map(|n| format!("node-{n}")).collect()
}

fn dealt(partitions: u32, members: &BTreeSet<String>) -> Vec<&str> {
    dealt_but(partitions, members, |_, _| false)
}

fn dealt_but(partitions: u32, members: &BTreeSet<String>, declines: impl Fn(&str, u32) -> bool) -> Vec<&str> {
    deal("posts", partitions, members.iter().map(String::as_str), declines)
}

fn moves(before: &[&str], after: &[&str]) -> usize {
    before.iter().zip(after).filter(|(a, b)| a != b).count()
}

proptest! {
    #[test]
    fn every_partition_has_one_owner_and_loads_differ_by_one(
        partitions in 0..200_u32,
        members in prop::collection::btree_set("[a-z]{1,4}", 1..20),
    ) {
        let dealt = dealt(partitions, &members);
        prop_assert_eq!(dealt.len(), partitions as usize);
        let load = |member: &String| dealt.iter().filter(|owner| *owner == member).count();
        let loads: Vec<usize> = members.iter().map(load).collect();
        prop_assert!(loads.iter().max().unwrap() - loads.iter().min().unwrap() <= 1, "{:?}", loads);
    }

    /// One fewer: its own have to move, and not many others.
    #[test]
    fn few_move_when_one_leaves(
        partitions in 1..200_u32,
        members in prop::collection::btree_set("[a-z]{1,4}", 2..20),
        leaving in any::<prop::sample::Index>(),
    ) {
        let mut fewer = members.clone();
        let gone = members.iter().nth(leaving.index(members.len())).unwrap();
        fewer.remove(gone);
        let (before, after) = (dealt(partitions, &members), dealt(partitions, &fewer));
        let own = before.iter().filter(|owner| *owner == gone).count();
        prop_assert!(moves(&before, &after) <= own + partitions as usize / 2 + 1);
    }

    /// What somebody declines goes to one that does not, where there is one, and nothing else moves.
    #[test]
    fn what_is_declined_goes_to_others_and_nothing_else_moves(
        partitions in 1..50_u32,
        members in prop::collection::btree_set("[a-z]{1,4}", 1..8),
        declined in prop::collection::btree_set((0..8_usize, 0..50_u32), 0..60),
    ) {
        let declines = |name: &str, partition| {
            let at = members.iter().position(|member| member == name).unwrap();
            declined.contains(&(at, partition))
        };
        let (before, after) = (dealt(partitions, &members), dealt_but(partitions, &members, declines));
        for (partition, (before, after)) in (0..).zip(before.iter().zip(&after)) {
            let nobody = members.iter().all(|member| declines(member, partition));
            prop_assert!(nobody || !declines(after, partition), "partition {} of {}", partition, after);
            prop_assert!(before == after || (declines(before, partition) && !nobody));
        }
        prop_assert_eq!(before.len(), after.len());
    }
}

#[test]
fn on_average_little_more_than_needed_moves() {
    let (mut needed, mut moved) = (0, 0);
    for count in 2..12 {
        let members = names(count);
        for gone in &members {
            let mut fewer = members.clone();
            fewer.remove(gone);
            let (before, after) = (dealt(64, &members), dealt(64, &fewer));
            needed += before.iter().filter(|owner| *owner == gone).count();
            moved += moves(&before, &after);
        }
    }
    assert!(moved * 2 <= 3 * needed, "{moved} moved, {needed} had to");
}

#[test]
fn nobody_is_dealt_nothing() {
    assert!(deal("posts", 4, [], |_, _| false).is_empty());
}

#[tokio::test(start_paused = true)]
async fn turns_follow_the_members() {
    const TTL: Duration = Duration::from_secs(6);
    let keys: Arc<dyn KeyValue> = Arc::new(MemoryKeys::default());
    let a = Members::join(Arc::clone(&keys), "distributor", "a", "", TTL).await.unwrap();
    let turns_a = Turns::new(&a);
    let mine = |turns: &Turns| {
        (0..8).filter(|partition| turns.is_mine("posts", *partition, 8)).collect::<Vec<u32>>()
    };
    assert_eq!(mine(&turns_a).len(), 8);
    assert!(!turns_a.is_mine("posts", 8, 8), "there is no such partition");
    let mut changes = turns_a.changes();
    let b = Members::join(Arc::clone(&keys), "distributor", "b", "", TTL).await.unwrap();
    let turns_b = Turns::new(&b);
    changes.changed().await.unwrap();
    let (of_a, of_b) = (mine(&turns_a), mine(&turns_b));
    assert_eq!((of_a.len(), of_b.len()), (4, 4));
    assert!(of_a.iter().all(|partition| !of_b.contains(partition)));
    let (given, mut changes) = (of_a[0], turns_b.changes());
    turns_a.decline("posts", given);
    changes.changed().await.unwrap();
    assert_eq!((mine(&turns_b).len(), mine(&turns_b).contains(&given)), (5, true));
    a.leave().await;
    let mut changes = turns_b.changes();
    if mine(&turns_b).len() < 8 {
        changes.changed().await.unwrap();
    }
    assert_eq!(mine(&turns_b).len(), 8);
}
