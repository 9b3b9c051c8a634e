#![allow(clippy::unwrap_used, reason = "what fails here is a test")]

mod gate;

use std::{ops::ControlFlow, sync::Arc, time::Duration};

use model::{Message, Name};
use store::{Memory, Store};
use tokio::{
    task::JoinSet,
    time::{advance, timeout},
};

use super::*;
use gate::Gate;

const STREAM: &str = "letters";

fn spec() -> StreamSpec {
    StreamSpec::new(Name::new(STREAM).unwrap(), 1)
}

fn message(id: &str) -> Message {
    Message { id: id.to_owned(), body: vec![b'x'; 100].into(), ..Message::default() }
}

async fn open(store: &Arc<impl Store + 'static>, options: Options) -> Arc<Embedded> {
    let store: Arc<dyn Store> = Arc::clone(store) as _;
    let bus = Arc::new(Embedded::open(store, options).unwrap());
    bus.provision(&spec()).await.unwrap();
    bus
}

async fn publish(bus: &Embedded, id: &str) -> Result<Published> {
    bus.publish(STREAM, 0, vec![message(id)]).await.map(|mut published| published.remove(0))
}

/// Publishes without waiting, in order: each is in the queue before the next.
async fn queue(bus: &Arc<Embedded>, ids: impl IntoIterator<Item = String>) -> JoinSet<Result<Published>> {
    let mut waiting = JoinSet::new();
    for id in ids {
        let bus = Arc::clone(bus);
        waiting.spawn(async move { publish(&bus, &id).await });
        tokio::task::yield_now().await;
    }
    waiting
}

fn rows(store: &dyn Store, table: store::Table) -> usize {
    let mut count = 0;
    let mut visit = |_: &[u8], _: &[u8]| {
        count += 1;
        ControlFlow::Continue(())
    };
    store.snapshot().unwrap().scan(table, &[], &[], &mut visit).unwrap();
    count
}

#[tokio::test(start_paused = true)]
async fn ids_are_forgotten_after_their_window() {
    let store = Arc::new(Memory::new(TABLES));
    let bus = open(&store, Options::default()).await;
    let hour = Duration::from_secs(3600);
    assert_eq!(publish(&bus, "a").await.unwrap(), Published { sequence: 1, duplicate: false });
    advance(23 * hour).await;
    assert_eq!(publish(&bus, "b").await.unwrap().sequence, 2);
    assert_eq!(publish(&bus, "a").await.unwrap(), Published { sequence: 1, duplicate: true });
    advance(hour).await;
    assert_eq!(publish(&bus, "a").await.unwrap(), Published { sequence: 3, duplicate: false });
    assert_eq!(publish(&bus, "b").await.unwrap(), Published { sequence: 2, duplicate: true });
    assert_eq!((rows(&*store, keys::IDS), rows(&*store, keys::ID_ORDER)), (2, 2));

    // Reopened, the clock goes on from the newest id, not from a wall clock that stands behind it.
    bus.close().await;
    let bus = open(&store, Options::default()).await;
    assert_eq!(publish(&bus, "a").await.unwrap(), Published { sequence: 3, duplicate: true });
    advance(25 * hour).await;
    assert_eq!(publish(&bus, "c").await.unwrap().sequence, 4);
    assert_eq!((rows(&*store, keys::IDS), rows(&*store, keys::ID_ORDER)), (1, 1));
}

#[tokio::test]
async fn what_is_queued_during_a_sync_shares_the_next() {
    let store = Arc::new(Gate::new());
    let bus = open(&store, Options::default()).await;
    store.shut();
    let mut first = queue(&bus, ["first".to_owned()]).await;
    store.wait_for_a_writer();
    let rest = queue(&bus, (0..50).map(|n| n.to_string())).await;
    let before = store.written();
    store.open();
    first.join_next().await.unwrap().unwrap().unwrap();
    let mut sequences: Vec<u64> =
        rest.join_all().await.into_iter().map(|published| published.unwrap().sequence).collect();
    sequences.sort_unstable();
    assert!(sequences.into_iter().eq(2..=51));
    assert_eq!(store.written() - before, 2);
}

#[tokio::test]
async fn a_full_queue_refuses_and_keeps_what_it_took() {
    let store = Arc::new(Gate::new());
    let options = Options { queue_bytes_max: 1000, ..Options::default() };
    let bus = open(&store, options).await;
    store.shut();
    let taken = queue(&bus, (0..20).map(|n| n.to_string())).await;
    let error = publish(&bus, "one more").await.unwrap_err();
    assert!(matches!(&error, Error::Overloaded { queued_bytes, .. } if *queued_bytes <= 1000), "{error}");
    assert!(error.retryable());
    store.open();
    let answers = taken.join_all().await;
    let stored = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!((1..20).contains(&stored), "{stored} were taken");
    assert_eq!(bus.bounds(STREAM, 0).await.unwrap().last, stored as u64);
    // Larger than the queue, alone in it.
    let large = Message { body: vec![0; 5000].into(), ..message("large") };
    bus.publish(STREAM, 0, vec![large]).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_refuses_the_round_and_nothing_of_it_stays() {
    let store = Arc::new(Gate::new());
    let bus = open(&store, Options::default()).await;
    publish(&bus, "a").await.unwrap();
    store.fail_next(store::Error::Full {
        room: store::Room::Disk,
        source: Arc::new(std::io::Error::other("no room")),
    });
    let error = publish(&bus, "b").await.unwrap_err();
    assert_eq!(model::chain_of(&error), "the bus is out of room: free space on its disk: no room");
    assert!(error.retryable() && error.took_nothing());
    assert_eq!(publish(&bus, "b").await.unwrap(), Published { sequence: 2, duplicate: false });
    assert_eq!(bus.read(STREAM, 0, 1, 9).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_failed_disk_ends_the_bus_for_everybody() {
    let store = Arc::new(Gate::new());
    let bus = open(&store, Options::default()).await;
    let mut subscription = bus.subscribe(STREAM, 0, "group", 1).await.unwrap();
    store.fail_next(store::Error::Failed { source: Arc::new(std::io::Error::other("EIO")) });
    let (fetched, published) = tokio::join!(subscription.fetch(1), publish(&bus, "a"));
    assert!(matches!(fetched, Err(Error::Unavailable { .. })));
    let error = published.unwrap_err();
    assert!(error.to_string().contains("EIO") && !error.retryable(), "{error}");
    let refused = publish(&bus, "b").await.unwrap_err().to_string();
    assert_eq!(refused, "the bus is unavailable: the store failed and takes no more writes: EIO");
    assert_eq!(bus.check().unwrap_err().to_string(), refused);
}

#[tokio::test]
async fn what_waits_behind_a_failed_write_is_refused_with_its_reason() {
    let store = Arc::new(Gate::new());
    let bus = open(&store, Options::default()).await;
    bus.check().unwrap();
    store.shut();
    let first = queue(&bus, ["first".to_owned()]).await;
    store.wait_for_a_writer();
    let behind = queue(&bus, ["second".to_owned(), "third".to_owned()]).await;
    store.fail_next(store::Error::Failed { source: Arc::new(std::io::Error::other("EIO")) });
    store.open();
    for answer in first.join_all().await.into_iter().chain(behind.join_all().await) {
        let refused = answer.unwrap_err().to_string();
        assert!(refused.contains("EIO"), "{refused}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_planted_bug_answers_before_the_disk_does() {
    for (fault, answered) in [(None, false), (Some(Fault::AcknowledgeBeforeDurable), true)] {
        let store = Arc::new(Gate::new());
        let bus = open(&store, Options { fault, ..Options::default() }).await;
        store.shut();
        let mut waiting = queue(&bus, ["a".to_owned()]).await;
        store.wait_for_a_writer();
        let answer = timeout(Duration::from_secs(1), waiting.join_next()).await;
        assert_eq!(answer.is_ok(), answered);
        assert_eq!(rows(&*store, keys::LOG), 0);
        store.open();
    }
}

#[tokio::test]
async fn dropping_the_bus_keeps_what_it_took() {
    let store = Arc::new(Memory::new(TABLES));
    let bus = open(&store, Options::default()).await;
    let waiting = queue(&bus, ["a".to_owned(), "b".to_owned()]).await;
    drop(bus);
    assert!(waiting.join_all().await.iter().all(Result::is_ok));
    let bus = open(&store, Options::default()).await;
    assert_eq!(bus.bounds(STREAM, 0).await.unwrap(), Bounds { first: 1, last: 2 });
}

#[tokio::test]
async fn large_messages_are_handed_out_a_few_at_a_time() {
    const BYTES_MAX: usize = 3_500;
    // From the store, and from memory.
    for tail_bytes_max in [0, 1 << 20] {
        let store = Arc::new(Memory::new(TABLES));
        let options = Options { tail_bytes_max, read_bytes_max: BYTES_MAX, ..Options::default() };
        let bus = open(&store, options).await;
        let sizes = [1000, 1000, 1000, 1000, 9000, 1, 1, 1];
        let large = |(id, bytes)| Message { body: vec![b'x'; bytes].into(), ..message(&format!("m{id}")) };
        bus.publish(STREAM, 0, sizes.into_iter().enumerate().map(large).collect()).await.unwrap();
        let mut read = Vec::new();
        let mut fetched = Vec::new();
        let mut subscription = bus.subscribe(STREAM, 0, "group", 100).await.unwrap();
        while let from = read.iter().sum::<usize>() as u64 + 1
            && from <= 8
        {
            read.push(bus.read(STREAM, 0, from, 100).await.unwrap().len());
            fetched.push(subscription.fetch(100).await.unwrap());
        }
        assert_eq!(read, [3, 1, 1, 3], "each within its bytes but for the one that is larger than that");
        assert!(fetched.iter().map(Vec::len).eq(read));
        let sequences = fetched.iter().flatten().map(|delivery| delivery.stored.sequence);
        assert!(sequences.eq(1..=8), "none is left out");
    }
}

#[tokio::test]
async fn a_damaged_message_is_named_once_it_is_the_next_and_no_other_is_concerned() {
    let store = Arc::new(Memory::new(TABLES));
    let bus = open(&store, Options { tail_bytes_max: 0, ..Options::default() }).await;
    for id in ["a", "b", "c", "d"] {
        publish(&bus, id).await.unwrap();
    }
    damage(&*store, 3);
    let damaged = |error: &Error| matches!(error, Error::Damaged { sequence: 3, .. }) && !error.retryable();
    assert_eq!(bus.read(STREAM, 0, 1, 9).await.unwrap().len(), 2);
    assert!(damaged(&bus.read(STREAM, 0, 3, 9).await.unwrap_err()));
    assert_eq!(bus.read(STREAM, 0, 4, 9).await.unwrap().len(), 1);
    let mut subscription = bus.subscribe(STREAM, 0, "group", 9).await.unwrap();
    subscription.fetch(9).await.unwrap().into_iter().for_each(|delivery| delivery.settle.ack());
    let error = subscription.fetch(9).await.err().unwrap();
    assert!(damaged(&error), "{error}");
    assert!(error.to_string().starts_with("message 3 in partition 0 of `letters` is damaged: "), "{error}");
    bus.trim(STREAM, 0, 4).await.unwrap();
    assert_eq!(subscription.fetch(9).await.unwrap()[0].stored.sequence, 4);
}

/// Flips a bit of a stored message.
fn damage(store: &dyn Store, sequence: u64) {
    let key = keys::Place { stream: 0, partition: 0 }.at(sequence);
    let mut record = store.snapshot().unwrap().get(keys::LOG, &key).unwrap().unwrap().into_owned();
    *record.last_mut().unwrap() ^= 1;
    let mut batch = store::Batch::new();
    batch.put(keys::LOG, &key, &record);
    store.write(&batch).unwrap();
}
