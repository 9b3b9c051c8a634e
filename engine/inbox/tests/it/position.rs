use std::time::Duration;

use inbox::Error;

use super::*;

#[tokio::test]
async fn restarts_go_on_where_they_were() {
    let disk = Disk::new(ShardMap::single());
    for round in 0..5 {
        let bus = disk.bus(1000).await;
        let inbox = disk.inbox(&bus).await.unwrap();
        bus.publish(INBOX, 0, vec![follow(round, 99), note(99, round)]).await.unwrap();
        inbox.wait_caught_up().await.unwrap();
        inbox.close().await;
        bus.close().await;
    }
    let bus = disk.bus(1000).await;
    let inbox = disk.inbox(&bus).await.unwrap();
    assert_eq!(feed(&inbox, 0), [4, 3, 2, 1, 0]);
    assert_eq!(feed(&inbox, 4), [4]);
    let positions = inbox.positions().await.unwrap();
    let phase = inbox::Phase::Serving;
    let there = inbox::Position { shard: 0, phase, applied: 10, last: 10, fault: None, trouble: None };
    assert_eq!(positions, [there]);
}

/// What a power failure takes from a store opened `Relaxed`, and more: everything. The group's
/// acknowledgements survived.
#[tokio::test]
async fn a_shard_behind_its_acknowledgements_reads_the_log() {
    let mut disk = Disk::new(ShardMap::single());
    let bus = disk.bus(1000).await;
    let inbox = disk.inbox(&bus).await.unwrap();
    bus.publish(INBOX, 0, vec![follow(1, 2)]).await.unwrap();
    bus.publish(INBOX, 0, (0..50).map(|unique| note(2, unique)).collect()).await.unwrap();
    inbox.wait_caught_up().await.unwrap();
    inbox.close().await;
    bus.close().await;

    disk.shards = vec![Arc::new(Memory::new(TABLES))];
    let bus = disk.bus(1000).await;
    let inbox = disk.inbox(&bus).await.unwrap();
    // Nothing else arrives: the shard has to notice by itself.
    let caught_up = tokio::time::timeout(Duration::from_secs(20), inbox.wait_caught_up());
    caught_up.await.unwrap().unwrap();
    assert_eq!(feed(&inbox, 1), (0..50).rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_shard_behind_the_log_refuses_to_leave_a_hole() {
    let mut disk = Disk::new(ShardMap::single());
    let bus = disk.bus(5).await;
    let inbox = disk.inbox(&bus).await.unwrap();
    for unique in 0..30 {
        bus.publish(INBOX, 0, vec![note(2, unique)]).await.unwrap();
        inbox.wait_caught_up().await.unwrap();
    }
    inbox.close().await;
    assert!(bus.bounds(INBOX, 0).await.unwrap().first > 1);
    disk.shards = vec![Arc::new(Memory::new(TABLES))];
    let gap = disk.inbox(&bus).await.err().unwrap();
    assert!(matches!(gap, Error::Gap { shard: 0, applied: 0, .. }));
    assert!(gap.to_string().ends_with(": restore the whole data folder from one copy"), "{gap}");
}

#[tokio::test]
async fn stores_maps_and_streams_that_do_not_belong_together_are_refused() {
    let mut disk = Disk::new(ShardMap::single());
    let bus = disk.bus(1000).await;
    let inbox = disk.inbox(&bus).await.unwrap();
    bus.publish(INBOX, 0, vec![note(2, 1)]).await.unwrap();
    inbox.wait_caught_up().await.unwrap();
    inbox.close().await;

    disk.bus = Arc::new(Memory::new(bus::TABLES));
    let other = disk.bus(1000).await;
    let ahead = disk.inbox(&other).await.err().unwrap();
    assert!(matches!(ahead, Error::Ahead { applied: 1, last: 0, .. }));
    assert!(ahead.to_string().ends_with(": restore the whole data folder from one copy"), "{ahead}");

    disk.map = ShardMap::new(vec![0, 10]).unwrap();
    disk.shards.push(Arc::new(Memory::new(TABLES)));
    assert!(matches!(disk.inbox(&bus).await, Err(Error::Users { shard: 0, .. })));
    disk.shards = vec![Arc::new(Memory::new(TABLES))];
    let bus = Disk::new(disk.map.clone()).bus(1000).await;
    assert!(matches!(disk.inbox(&bus).await, Err(Error::NoStore { shard: 1 })));
    let stopped = inbox.wait_applied(0, 2).await.unwrap_err();
    assert_eq!(stopped.to_string(), "shard 0 has stopped: it was closed");
}
