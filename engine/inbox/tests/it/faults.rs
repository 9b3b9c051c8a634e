use std::{io, time::Duration};

use inbox::Error;
use parking_lot::Mutex;
use store::{Batch, Snapshot};

use super::*;

/// A store whose disk does as it is told.
struct Flaky {
    memory: Memory,
    /// What the next writes answer, first one first.
    answers: Mutex<Vec<store::Error>>,
}

impl Store for Flaky {
    fn write(&self, batch: &Batch) -> store::Result<()> {
        match self.answers.lock().pop() {
            Some(error) => Err(error),
            None => self.memory.write(batch),
        }
    }

    fn snapshot(&self) -> store::Result<Box<dyn Snapshot + '_>> {
        self.memory.snapshot()
    }
}

async fn shard_over(bus: &Arc<Embedded>) -> (Inbox, Arc<Flaky>) {
    let store = Arc::new(Flaky { memory: Memory::new(TABLES), answers: Mutex::default() });
    let stores: Vec<Arc<dyn Store>> = vec![store.clone()];
    let map = LiveMap::new(ShardMap::single());
    let inbox = Inbox::alone(Options::default(), bus.clone() as _, Arc::new(stores), map).await.unwrap();
    (inbox, store)
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_holds_a_shard_up_and_costs_nothing() {
    let bus = Disk::new(ShardMap::single()).bus(1000).await;
    let (inbox, store) = shard_over(&bus).await;
    let full = || store::Error::Full {
        room: store::Room::Disk,
        source: Arc::new(io::Error::from(io::ErrorKind::StorageFull)),
    };
    store.answers.lock().extend([full(), full(), full()]);
    bus.publish(INBOX, 0, vec![follow(1, 2), note(2, 7), note(2, 8)]).await.unwrap();
    tokio::time::timeout(Duration::from_secs(60), inbox.wait_caught_up()).await.unwrap().unwrap();
    assert_eq!(feed(&inbox, 1), [8, 7]);
    assert_eq!(inbox.positions().await.unwrap()[0].trouble, None);
}

#[tokio::test]
async fn a_failed_disk_stops_a_shard_and_leaves_what_it_has_readable() {
    let bus = Disk::new(ShardMap::single()).bus(1000).await;
    let (inbox, store) = shard_over(&bus).await;
    bus.publish(INBOX, 0, vec![follow(1, 2), note(2, 7)]).await.unwrap();
    inbox.wait_caught_up().await.unwrap();
    let failed = store::Error::Failed { source: Arc::new(io::Error::from_raw_os_error(5)) };
    store.answers.lock().push(failed);
    bus.publish(INBOX, 0, vec![note(2, 8)]).await.unwrap();
    assert!(matches!(inbox.wait_caught_up().await, Err(Error::Stopped { shard: 0, .. })));
    let position = inbox.positions().await.unwrap().remove(0);
    assert_eq!((position.applied, position.last), (2, 3));
    assert!(position.fault.unwrap().contains("takes no more writes"));
    assert_eq!(feed(&inbox, 1), [7]);
}

#[tokio::test]
async fn a_damaged_message_stops_its_shard_and_says_which_and_what_to_do() {
    let disk = Disk::new(ShardMap::new(vec![0, 10]).unwrap());
    let bus = disk.bus(1000).await;
    for shard in [0, 1] {
        bus.publish(INBOX, shard, vec![follow(u64::from(shard) * 10, 2), note(2, 7), note(2, 8)])
            .await
            .unwrap();
    }
    bus.close().await;
    damage(&disk.bus, 0, 2);

    let bus = disk.bus(1000).await;
    let inbox = disk.inbox(&bus).await.unwrap();
    let stopped = inbox.wait_applied(0, 2).await.unwrap_err().to_string();
    assert!(stopped.contains("message 2 in partition 0 of `inbox` is damaged: check the disk"), "{stopped}");
    assert_eq!(inbox.check().unwrap_err().to_string(), stopped);
    inbox.wait_applied(1, 3).await.unwrap();
    assert_eq!(inbox.positions().await.unwrap()[0].applied, 1);
}

/// Flips a bit of a message in the bus's store.
fn damage(store: &Memory, partition: u32, sequence: u64) {
    let wanted = [partition.to_be_bytes().as_slice(), &sequence.to_be_bytes()].concat();
    let mut batch = Batch::new();
    store
        .snapshot()
        .unwrap()
        .scan("bus_log", &[], &[], &mut |key, record| {
            if key.ends_with(&wanted) {
                let mut record = record.to_vec();
                *record.last_mut().unwrap() ^= 1;
                batch.put("bus_log", key, &record);
            }
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert!(!batch.is_empty());
    store.write(&batch).unwrap();
}
