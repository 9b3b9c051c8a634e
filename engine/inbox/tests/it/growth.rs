//! Shard maps that gain users while shards work.

use inbox::Error;
use relations::Range;

use super::{placed::Process, *};

fn first_map() -> ShardMap {
    let range = Range { first_user: UserId(0), shard: 0 };
    ShardMap::from_ranges(1, 2, vec![range], Some(UserId(10))).unwrap()
}

/// Every user follows author 2. The distributor has each map before the inbox, or after it; posts keep coming.
#[tokio::test(flavor = "multi_thread")]
async fn users_that_are_added_under_load_miss_nothing() {
    let mut map = first_map();
    let bus = Disk::new(map.clone()).bus(100_000).await;
    let process = Process::new(bus.clone(), &map, [0, 1]);
    let mut next = 0;
    let mut since = Vec::new();
    for step in 0..12 {
        let (from, shard) = (map.end().unwrap(), (step + 1) % 2);
        let grown = map.extended(Some(UserId(from.0 + 10)), shard).unwrap();
        assert!(matches!(
            process.inbox.feed(from, None, 9),
            Err(Error::Unowned { user, end }) if (user, end) == (from, from)
        ));
        let early = step % 3 == 0;
        if early {
            process.map.adopt(grown.clone()).unwrap();
        }
        bus.publish(INBOX, shard, vec![follow(from.0 + 3, 2)]).await.unwrap();
        since.push((from.0 + 3, next));
        for _ in 0..30 {
            for shard in 0..2 {
                bus.publish(INBOX, shard, vec![note(2, next)]).await.unwrap();
            }
            next += 1;
        }
        // Posts of the new users are kept too, by the shard that is their home.
        bus.publish(INBOX, shard, vec![note(from.0 + 4, 1)]).await.unwrap();
        if !early {
            process.inbox.wait_caught_up().await.unwrap();
            process.map.adopt(grown.clone()).unwrap();
        }
        map = grown;
    }
    process.inbox.wait_caught_up().await.unwrap();
    for (user, first) in since {
        let page = process.inbox.feed(UserId(user), None, 1000).unwrap();
        assert_eq!(unique(&page), (first..next).rev().collect::<Vec<_>>(), "user {user}");
        assert_eq!(unique(&process.inbox.posts(UserId(user + 1), None, 9).unwrap()), [1]);
    }
    let followers = process.inbox.followers(UserId(2), None, 100).unwrap();
    assert_eq!(followers, (1..=12).map(|n| UserId(n * 10 + 3)).collect::<Vec<_>>());
    assert_eq!(process.inbox.followers(UserId(2), Some(UserId(43)), 2).unwrap(), [UserId(53), UserId(63)]);
}

#[tokio::test]
async fn a_store_that_has_grown_is_not_taken_by_another_fleet() {
    let small = first_map();
    let grown = small.extended(Some(UserId(20)), 1).unwrap();
    let disk = Disk::new(grown.clone());
    let bus = disk.bus(1000).await;
    Process::over(bus.clone(), &disk, [1]).serves(1).await;
    let again = async |map: ShardMap| {
        let disk = Disk { bus: disk.bus.clone(), shards: disk.shards.clone(), map };
        let process = Process::over(bus.clone(), &disk, [1]);
        let served = process.inbox.wait_applied(1, 0).await;
        process.inbox.close().await;
        served
    };
    again(grown.extended(None, 1).unwrap()).await.unwrap();
    // One that has not heard of the last change yet goes on with what the store knows.
    again(small.clone()).await.unwrap();
    for other in [
        small.extended(Some(UserId(20)), 0).unwrap(),
        small.extended(Some(UserId(15)), 1).unwrap().extended(None, 0).unwrap(),
    ] {
        let refused = again(other).await.unwrap_err().to_string();
        assert!(refused.contains("the store of shard 1 holds the users 10-"), "{refused}");
    }
}
