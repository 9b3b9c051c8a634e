//! Shards that move between processes, over one bus.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use inbox::{Error, Phase};
use parking_lot::Mutex;
use store::{Batch, Snapshot};
use tokio::sync::watch;

use super::{
    placed::{PATIENCE, Process},
    witness::Witness,
    *,
};

/// User 1 follows author 2; the feed of both shards' users is what was posted, so far as it had arrived.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_shard_that_goes_back_and_forth_under_load_loses_nothing_and_never_shows_less() {
    const ROUNDS: u64 = 16;
    const POSTS: u64 = 25;
    let map = ShardMap::new(vec![0, 10]).unwrap();
    let bus = Disk::new(map.clone()).bus(100_000).await;
    let processes = [Process::new(bus.clone(), &map, [0]), Process::new(bus.clone(), &map, [1])];
    bus.publish(INBOX, 0, vec![follow(1, 2)]).await.unwrap();
    let inboxes = [processes[0].inbox.clone(), processes[1].inbox.clone()];
    processes[0].serves(0).await;

    let done = Arc::new(AtomicBool::new(false));
    let _end = Finally(|| done.store(true, Relaxed));
    let (pages, mut read) = watch::channel(0);
    let reader = tokio::task::spawn_blocking({
        let done = Arc::clone(&done);
        move || {
            let mut newest = None;
            while !done.load(Relaxed) {
                for inbox in &inboxes {
                    let page = match inbox.feed(UserId(1), None, 100) {
                        Ok(page) => unique(&page),
                        Err(Error::NotServing { shard: 0, .. }) => continue,
                        Err(other) => panic!("{other}"),
                    };
                    assert!(page.windows(2).all(|pair| pair[0] == pair[1] + 1), "{page:?}");
                    assert!(page.first().copied() >= newest, "{page:?} after {newest:?} had been seen");
                    newest = page.first().copied();
                    pages.send_modify(|pages| *pages += 1);
                }
            }
        }
    });
    for round in 0..ROUNDS {
        let producer = tokio::spawn({
            let bus = bus.clone();
            async move {
                for unique in round * POSTS..(round + 1) * POSTS {
                    bus.publish(INBOX, 0, vec![note(2, unique)]).await.unwrap();
                }
            }
        });
        let (from, to) = (&processes[round as usize % 2], &processes[(round as usize + 1) % 2]);
        // Advice may come early or late: for a while both may believe it is their turn, or neither.
        if round % 3 == 0 {
            to.turns.give(0);
            from.turns.take(0);
        } else {
            from.turns.take(0);
            to.turns.give(0);
        }
        to.serves(0).await;
        let left = from.inbox.feed(UserId(1), None, 1);
        assert!(matches!(left, Err(Error::NotServing { shard: 0, .. })), "{left:?}");
        let before = *read.borrow_and_update();
        read.wait_for(|pages| *pages > before).await.expect("the reader goes on");
        producer.await.unwrap();
    }
    let last = &processes[0].inbox;
    last.wait_caught_up().await.unwrap();
    done.store(true, Relaxed);
    reader.await.unwrap();
    assert_eq!(all(last, 1), (0..ROUNDS * POSTS).rev().collect::<Vec<_>>());

    processes[0].turns.take(0);
    processes[1].turns.give(0);
    processes[1].serves(0).await;
    assert_eq!(all(&processes[1].inbox, 1), (0..ROUNDS * POSTS).rev().collect::<Vec<_>>());
}

/// Every post of a feed, page by page.
fn all(inbox: &Inbox, user: u64) -> Vec<u64> {
    let (mut posts, mut cursor) = (Vec::new(), None);
    loop {
        let page = inbox.feed(UserId(user), cursor, 7).unwrap();
        posts.extend(unique(&page));
        cursor = page.next;
        if cursor.is_none() {
            return posts;
        }
    }
}

#[tokio::test]
async fn a_shard_stops_answering_before_it_gives_its_partition_back() {
    let disk = Disk::new(ShardMap::single());
    let bus = disk.bus(1000).await;
    let witness = Witness::over(&bus);
    let process = Process::over(Arc::new(witness.clone()), &disk, [0]);
    witness.watch(&process.inbox);
    process.serves(0).await;
    process.turns.take(0);
    let other = Process::new(bus, &disk.map, [0]);
    other.serves(0).await;
    process.turns.give(0);
    other.turns.take(0);
    process.serves(0).await;
    process.inbox.close().await;
    assert_eq!(witness.answered(), [false, false]);
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_lost_its_place_stops_answering_and_begins_again() {
    let disk = Disk::new(ShardMap::single());
    let bus = disk.bus(1000).await;
    let witness = Witness::over(&bus);
    let process = Process::over(Arc::new(witness.clone()), &disk, [0]);
    witness.watch(&process.inbox);
    bus.publish(INBOX, 0, vec![follow(1, 2)]).await.unwrap();
    process.inbox.wait_applied(0, 1).await.unwrap();
    let lost = bus::Error::Lost { stream: INBOX.to_owned(), partition: 0, group: "inbox".to_owned() };
    let away = bus::Error::Away { reason: "the network".to_owned() };
    for (unique, (failure, word)) in (0..).zip([(lost, "elsewhere"), (away, "out of reach")]) {
        witness.fail(failure);
        let left = process.position_when(0, |at| at.is_some_and(|at| at.phase != Phase::Serving));
        let position = tokio::time::timeout(PATIENCE, left).await.unwrap().unwrap();
        assert_eq!((position.phase, position.fault), (Phase::Opening, None));
        let refused = process.inbox.feed(UserId(1), None, 9);
        assert!(matches!(refused, Err(Error::NotServing { shard: 0, .. })), "{refused:?} after {word}");
        bus.publish(INBOX, 0, vec![note(2, unique)]).await.unwrap();
        process.inbox.wait_applied(0, unique + 2).await.unwrap();
        assert_eq!(feed(&process.inbox, 1).first(), Some(&unique));
    }
    assert_eq!(witness.answered(), [false, false]);
}

/// A disk that stands still until it is told to go on.
struct Gate {
    below: Memory,
    closed: AtomicBool,
}

impl Store for Gate {
    fn write(&self, batch: &Batch) -> store::Result<()> {
        while self.closed.load(Relaxed) {
            std::thread::yield_now();
        }
        self.below.write(batch)
    }

    fn snapshot(&self) -> store::Result<Box<dyn Snapshot + '_>> {
        self.below.snapshot()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stood_in_the_partition_is_applied_before_anything_is_answered() {
    let map = ShardMap::single();
    let bus = Disk::new(map.clone()).bus(1000).await;
    bus.publish(INBOX, 0, vec![follow(1, 2), note(2, 7)]).await.unwrap();
    // Somebody else has settled it all.
    let before = Process::new(bus.clone(), &map, [0]);
    before.inbox.wait_applied(0, 2).await.unwrap();
    before.inbox.close().await;

    let gate = Arc::new(Gate { below: Memory::new(TABLES), closed: AtomicBool::new(false) });
    let stores = {
        let gate = Arc::clone(&gate);
        move |_| {
            // What the store notes when it is opened passes; what is applied waits.
            Ok(Arc::new(Opened(Arc::clone(&gate))) as Arc<dyn Store>)
        }
    };
    let _end = Finally(|| gate.closed.store(false, Relaxed));
    let (turns, live) = (placed::Script::new([0]), LiveMap::new(map));
    let inbox = Inbox::open(SMALL, bus.clone(), Arc::new(stores), live, turns);
    let mut phases = inbox.phases();
    let position = loop {
        match inbox.positions().await.unwrap().pop() {
            Some(position) if !matches!(position.phase, Phase::Absent | Phase::Opening) => break position,
            _ => phases.changed().await.unwrap(),
        }
    };
    assert_eq!((position.phase, position.applied), (Phase::CatchingUp { last: 2 }, 0));
    let refused = inbox.feed(UserId(1), None, 9).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "shard 0 cannot be read just now: it has messages up to 2 to apply first"
    );
    assert!(refused.retryable());
    assert!(matches!(inbox.check(), Err(Error::NotServing { shard: 0, .. })));
    gate.closed.store(false, Relaxed);
    tokio::time::timeout(PATIENCE, inbox.wait_caught_up()).await.unwrap().unwrap();
    assert_eq!(feed(&inbox, 1), [7]);
    inbox.check().unwrap();
}

/// Closes the gate behind its first write.
struct Opened(Arc<Gate>);

impl Store for Opened {
    fn write(&self, batch: &Batch) -> store::Result<()> {
        self.0.write(batch)?;
        static FIRST: AtomicBool = AtomicBool::new(true);
        if FIRST.swap(false, Relaxed) {
            self.0.closed.store(true, Relaxed);
        }
        Ok(())
    }

    fn snapshot(&self) -> store::Result<Box<dyn Snapshot + '_>> {
        self.0.snapshot()
    }
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_misses_messages_is_at_rest_and_its_neighbours_serve() {
    let map = ShardMap::new(vec![0, 10, 20]).unwrap();
    let bus = Disk::new(map.clone()).bus(5).await;
    let whole = Disk::new(map.clone());
    let first = Process::over(bus.clone(), &whole, [0, 1, 2]);
    for unique in 0..30 {
        bus.publish(INBOX, 0, vec![note(2, unique)]).await.unwrap();
        first.inbox.wait_applied(0, unique + 1).await.unwrap();
    }
    bus.publish(INBOX, 1, vec![note(12, 7)]).await.unwrap();
    first.inbox.close().await;
    assert!(bus.bounds(INBOX, 0).await.unwrap().first > 1);

    // A store that is new, one that belongs to other users, and one as it should be.
    let mut disk = Disk::new(map.clone());
    let others = Disk::new(ShardMap::new(vec![0, 10, 25]).unwrap());
    let filling = Process::over(others.bus(5).await, &others, [2]);
    filling.serves(2).await;
    filling.inbox.close().await;
    disk.shards[2] = Arc::clone(&others.shards[2]);
    let process = Process::over(bus.clone(), &disk, [0, 1, 2]);
    process.serves(1).await;
    for shard in [0, 2] {
        assert!(matches!(process.inbox.wait_applied(shard, 31).await, Err(Error::Stopped { .. })));
    }
    assert_eq!(unique(&process.inbox.posts(UserId(12), None, 9).unwrap()), [7]);
    let refused = process.inbox.posts(UserId(2), None, 9).unwrap_err();
    assert!(matches!(refused, Error::Stopped { shard: 0, .. }) && !refused.retryable(), "{refused}");
    assert!(refused.to_string().contains("messages are missing"), "{refused}");
    let refused = process.inbox.posts(UserId(25), None, 9).unwrap_err().to_string();
    assert!(refused.contains("holds the users 25-"), "{refused}");
    assert!(matches!(process.inbox.check(), Err(Error::Stopped { shard: 0, .. })));
    let told = process.inbox.positions().await.unwrap();
    assert_eq!(
        told.iter().map(|at| (at.phase, at.fault.is_some())).collect::<Vec<_>>(),
        [(Phase::Stopped, true), (Phase::Serving, false), (Phase::Stopped, true)]
    );
    // Where its store is whole it can be had, and the fault goes with the turn.
    process.turns.take(0);
    let again = Process::over(bus, &whole, [0]);
    again.serves(0).await;
    assert_eq!(unique(&again.inbox.posts(UserId(2), None, 1).unwrap()), [29]);
    process.lets_go(0).await;
    let gone = process.inbox.posts(UserId(2), None, 9);
    assert!(matches!(gone, Err(Error::NotServing { shard: 0, phase: Phase::Absent })));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_still_in_use_is_waited_for() {
    let map = ShardMap::new(vec![0, 10]).unwrap();
    let bus = Disk::new(map.clone()).bus(1000).await;
    let left = Mutex::new(3);
    let stores = move |shard| {
        let mut left = left.lock();
        if shard == 0 && *left > 0 {
            *left -= 1;
            return Err(store::Error::Locked { path: "inbox-0".into(), holder: "7".to_owned() }.into());
        }
        Ok(Arc::new(Memory::new(TABLES)) as Arc<dyn Store>)
    };
    let stores = Arc::new(stores);
    let alone = Inbox::alone(SMALL, bus.clone(), stores.clone(), LiveMap::new(map.clone())).await;
    assert!(matches!(alone, Err(Error::Store { source: store::Error::Locked { .. } })), "it is told at once");
    let turns = placed::Script::new([0, 1]);
    let inbox = Inbox::open(SMALL, bus.clone(), stores, LiveMap::new(map), turns);
    inbox.wait_applied(1, 0).await.unwrap();
    inbox.wait_applied(0, 0).await.unwrap();
    inbox.check().unwrap();
}

/// A process whose copy stayed behind while another one had the shard, and the log was trimmed.
#[tokio::test]
async fn a_shard_is_declined_where_messages_are_missing_and_goes_on_where_they_are_not() {
    let map = ShardMap::single();
    let bus = Disk::new(map.clone()).bus(5).await;
    let [behind, ahead] = [[0].as_slice(), &[]].map(|mine| Process::new(bus.clone(), &map, mine.to_vec()));
    behind.serves(0).await;
    bus.publish(INBOX, 0, vec![follow(1, 2), note(2, 0)]).await.unwrap();
    behind.inbox.wait_caught_up().await.unwrap();
    behind.turns.take(0);
    behind.lets_go(0).await;
    ahead.turns.give(0);
    ahead.serves(0).await;
    for unique in 1..30 {
        bus.publish(INBOX, 0, vec![note(2, unique)]).await.unwrap();
        ahead.inbox.wait_caught_up().await.unwrap();
    }
    assert!(bus.bounds(INBOX, 0).await.unwrap().first > 3);
    ahead.turns.take(0);
    behind.turns.give(0);
    behind.declines(0).await;
    // Nobody else may be there: then what is wrong stays to be seen.
    let fault = behind.inbox.wait_applied(0, 0).await.unwrap_err();
    assert!(fault.to_string().contains("messages are missing"), "{fault}");
    behind.turns.take(0);
    ahead.turns.give(0);
    ahead.serves(0).await;
    assert_eq!(feed(&ahead.inbox, 1), (0..30).rev().collect::<Vec<_>>());
}
