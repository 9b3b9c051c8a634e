use proptest::prelude::*;

use super::*;

fn range(first_user: u64, shard: u32) -> Range {
    Range { first_user: UserId(first_user), shard }
}

fn map(ranges: &[(u64, u32)], end: Option<u64>) -> Result<ShardMap, InvalidShardMap> {
    let ranges = ranges.iter().map(|(first_user, shard)| range(*first_user, *shard)).collect();
    ShardMap::from_ranges(3, 4, ranges, end.map(UserId))
}

#[test]
fn a_map_is_what_its_json_says() {
    let text = r#"{"version":3,"shards":4,"ranges":[{"first_user":"0","shard":0},{"first_user":"1000","shard":1},{"first_user":"1500","shard":0}],"end":"2000"}"#;
    let read: ShardMap = serde_json::from_str(text).unwrap();
    assert_eq!(read, map(&[(0, 0), (1000, 1), (1500, 0)], Some(2000)).unwrap());
    assert_eq!(serde_json::to_string(&read).unwrap(), text);
    for (user, home) in [
        (0, Some(0)),
        (999, Some(0)),
        (1000, Some(1)),
        (1499, Some(1)),
        (1500, Some(0)),
        (1999, Some(0)),
        (2000, None),
        (u64::MAX, None),
    ] {
        assert_eq!(read.shard_of(UserId(user)), home, "user {user}");
    }
    assert_eq!(read.users_of(0), [UserId(0)..=UserId(999), UserId(1500)..=UserId(1999)]);
    assert_eq!(read.users_of(1), [UserId(1000)..=UserId(1499)]);
    assert!(read.users_of(2).is_empty() && read.users_of(4).is_empty());
}

#[test]
fn a_list_of_first_users_is_an_open_map() {
    let map = ShardMap::new(vec![0, 1000, 50_000]).unwrap();
    assert_eq!((map.version(), map.shards(), map.end()), (1, 3, None));
    for (user, shard) in [(0, 0), (999, 0), (1000, 1), (49_999, 1), (50_000, 2), (u64::MAX, 2)] {
        assert_eq!(map.shard_of(UserId(user)), Some(shard), "user {user}");
    }
    assert_eq!(map.users_of(2), [UserId(50_000)..=UserId(u64::MAX)]);
    assert_eq!(ShardMap::new(vec![0]), Ok(ShardMap::single()));
    assert_eq!(ShardMap::single().users_of(0), [UserId(0)..=UserId(u64::MAX)]);
}

#[test]
fn what_is_no_map_is_refused_with_what_is_wrong_and_where() {
    use InvalidShardMap::*;
    assert_eq!(map(&[], None), Err(Start));
    assert_eq!(map(&[(1, 0)], None), Err(Start));
    for (ranges, place, first_user) in [
        (&[(0, 0), (5, 1), (5, 2)], 2, 5),
        (&[(0, 0), (9, 1), (5, 1)], 2, 5),
        (&[(0, 0), (0, 0), (1, 1)], 1, 0),
    ] {
        assert_eq!(map(ranges, None), Err(Order { range: place, first_user: UserId(first_user) }));
    }
    assert_eq!(map(&[(0, 0), (5, 4)], None), Err(UnknownShard { range: 1, shard: 4, shards: 4 }));
    for end in [0, 4, 5] {
        assert_eq!(map(&[(0, 0), (5, 1)], Some(end)), Err(End { end: UserId(end), first_user: UserId(5) }));
    }
    assert_eq!(ShardMap::from_ranges(0, 1, vec![range(0, 0)], None), Err(Version));
    assert_eq!(
        ShardMap::from_ranges(1, 0, vec![range(0, 0)], None).map(|map| map.shards()),
        Err(UnknownShard { range: 0, shard: 0, shards: 0 })
    );
    assert_eq!(ShardMap::new((0..=ShardMap::SHARDS_MAX as u64).collect()), Err(TooManyShards));
    assert!(ShardMap::new((0..ShardMap::SHARDS_MAX as u64).collect()).is_ok());
    let many = (0..=ShardMap::RANGES_MAX as u64).map(|user| range(user, 0)).collect();
    assert_eq!(ShardMap::from_ranges(1, 4, many, None), Err(TooManyRanges { ranges: 1025 }));
    let told = map(&[(0, 0), (5, 4)], None).unwrap_err().to_string();
    assert_eq!(told, "range 1 belongs to shard 4, but the shards are 0 to 3");
}

#[test]
fn what_is_cut_short_or_says_more_is_refused() {
    for text in [
        "[0, 1000]",
        "{}",
        r#"{"version":1,"shards":1,"ranges":[{"first_user":"0","shard":0}]}"#,
        r#"{"version":1,"shards":1,"ranges":[{"first_user":"0"}],"end":null}"#,
        r#"{"version":1,"shards":1,"ranges":[{"first_user":0,"shard":0}],"end":null}"#,
        r#"{"version":1,"shards":1,"ranges":[{"first_user":"0","shard":0}],"end":null,"moved":[]}"#,
        r#"{"version":-1,"shards":1,"ranges":[{"first_user":"0","shard":0}],"end":null}"#,
    ] {
        assert!(serde_json::from_str::<ShardMap>(text).is_err(), "{text} was taken");
    }
}

#[test]
fn users_are_added_behind_the_end_and_nowhere_else() {
    use InvalidShardMap::*;
    let live = map(&[(0, 0), (1000, 1)], Some(2000)).unwrap();
    let next = live.extended(Some(UserId(3000)), 0).unwrap();
    assert_eq!((next.version(), next.end()), (4, Some(UserId(3000))));
    assert_eq!(next.shard_of(UserId(2000)), Some(0));
    assert_eq!(live.check_successor(&next), Ok(()));
    let last = next.extended(None, 3).unwrap();
    assert_eq!(live.check_successor(&last), Ok(()));
    assert_eq!(last.extended(None, 3), Err(Complete));
    assert_eq!(
        live.extended(Some(UserId(2000)), 2),
        Err(End { end: UserId(2000), first_user: UserId(2000) })
    );
    assert!(matches!(live.extended(None, 4), Err(UnknownShard { range: 2, .. })));

    assert_eq!(next.check_successor(&live), Err(NotLater { version: 3, live: 4 }));
    assert_eq!(live.check_successor(&live), Err(NotLater { version: 3, live: 3 }));
    let later =
        |ranges: &[(u64, u32)], end: Option<u64>| ShardMap { version: 9, ..map(ranges, end).unwrap() };
    let refused = |next: &ShardMap| live.check_successor(next).unwrap_err();
    assert_eq!(
        refused(&later(&[(0, 0), (900, 1)], Some(2000))),
        Moved { user: UserId(900), from: 0, to: Some(1) }
    );
    assert_eq!(refused(&later(&[(0, 0)], None)), Moved { user: UserId(1000), from: 1, to: Some(0) });
    assert_eq!(
        refused(&later(&[(0, 0), (1000, 1)], Some(1999))),
        Moved { user: UserId(1999), from: 1, to: None }
    );
    assert_eq!(
        refused(&later(&[(0, 0), (1000, 1), (1500, 2)], None)),
        Moved { user: UserId(1500), from: 1, to: Some(2) }
    );
    let five = ShardMap { shards: 5, ..later(&[(0, 0), (1000, 1)], Some(2000)) };
    assert_eq!(refused(&five), Shards { shards: 5, live: 4 });
    // A range that is only written otherwise moves nobody.
    assert_eq!(live.check_successor(&later(&[(0, 0), (500, 0), (1000, 1)], Some(2001))), Ok(()));
}

#[test]
fn the_live_map_takes_its_successors_and_nothing_else() {
    let first = map(&[(0, 0)], Some(10)).unwrap();
    let live = LiveMap::new(first.clone());
    let (other, mut changes) = (live.clone(), live.changes());
    live.adopt(first.clone()).unwrap();
    assert!(!changes.has_changed().unwrap());
    let second = first.extended(Some(UserId(20)), 1).unwrap();
    live.adopt(second.clone()).unwrap();
    assert_eq!((*changes.borrow_and_update(), &*other.load()), (4, &second));
    assert!(live.adopt(first.clone()).is_err());
    let rival = first.extended(Some(UserId(20)), 2).unwrap();
    assert_eq!(live.adopt(rival), Err(InvalidShardMap::NotLater { version: 4, live: 4 }));
    assert_eq!(*live.load(), second);
    assert!(!changes.has_changed().unwrap());
}

fn any_map() -> impl Strategy<Value = ShardMap> {
    let starts = proptest::collection::btree_map(1u64..40, 0u32..3, 0..6);
    (starts, 0u32..3, proptest::option::of(40u64..50)).prop_map(|(starts, first, end)| {
        let ranges = std::iter::once((0, first)).chain(starts).map(|(user, shard)| range(user, shard));
        ShardMap::from_ranges(1, 3, ranges.collect(), end.map(UserId)).unwrap()
    })
}

proptest! {
    #[test]
    fn every_user_has_at_most_one_home(map in any_map()) {
        for user in (0..60).map(UserId) {
            let owners: Vec<u32> =
                (0..3).filter(|shard| map.users_of(*shard).iter().any(|users| users.contains(&user))).collect();
            prop_assert_eq!(owners, Vec::from_iter(map.shard_of(user)));
        }
        let homes: Vec<_> = map.homes().collect();
        prop_assert!(homes.windows(2).all(|pair| pair[0].0.end().0 + 1 == pair[1].0.start().0));
        prop_assert!(homes.windows(2).all(|pair| pair[0].1 != pair[1].1));
        let again = serde_json::from_str(&serde_json::to_string(&map).unwrap()).unwrap();
        prop_assert_eq!(map, again);
    }

    #[test]
    fn a_successor_moves_nobody(map in any_map(), next in any_map()) {
        let next = ShardMap { version: 2, ..next };
        let stays = |user: &UserId| map.shard_of(*user).is_none_or(|home| next.shard_of(*user) == Some(home));
        let moved = (0..60).map(UserId).find(|user| !stays(user));
        match map.check_successor(&next) {
            Ok(()) => prop_assert_eq!(moved, None),
            Err(InvalidShardMap::Moved { user, .. }) => prop_assert_eq!(moved, Some(user)),
            Err(other) => prop_assert!(false, "{}", other),
        }
    }
}
