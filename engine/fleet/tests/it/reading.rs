//! Who may read, and what becomes of deliveries, when processes pause and wires break.

use std::{sync::Arc, time::Duration};

use bus::{Bus, Delivery, Error, StreamSpec};
use fleet::{Connection, Fault, JetStream, Options};
use model::{Message, Name};
use testkit::nats::{Server, Setup};

use crate::{
    place::{contend, fetch},
    run,
    subject::options,
    support::{self, reconnect},
};

const STREAM: &str = "letters";
const GROUP: &str = "group";
const COUNT: usize = 6;
/// Short enough to be waited for, long enough for a machine that has other things to do.
const TTL: Duration = Duration::from_millis(2000);

async fn open(options: &Options) -> Arc<JetStream> {
    let connection = Connection::open(options.clone()).await.unwrap();
    let bus = JetStream::open(&connection).await.unwrap();
    bus.provision(&StreamSpec::new(Name::new(STREAM).unwrap(), 1)).await.unwrap();
    Arc::new(bus)
}

fn short() -> Options {
    Options { lease_ttl: TTL, ..options(support::alone()) }
}

async fn publish(bus: &JetStream) {
    let batch = (0..COUNT).map(|n| Message { id: n.to_string(), ..Message::default() }).collect();
    bus.publish(STREAM, 0, batch).await.unwrap();
}

const PATIENCE: Duration = Duration::from_secs(20);

fn attempts(deliveries: &[Delivery]) -> Vec<(u64, u32)> {
    deliveries.iter().map(|delivery| (delivery.stored.sequence, delivery.attempt)).collect()
}

/// A holder pauses, another one takes over, the first wakes and settles what it held: how many are still there.
async fn unsettled_after_a_pause(paused: Fault, successor: Option<Fault>) -> usize {
    let common = short();
    let first = open(&Options { fault: Some(paused), ..common.clone() }).await;
    let second = open(&Options { fault: successor, ..common.clone() }).await;
    let third = open(&common).await;
    publish(&first).await;
    let mut paused = first.subscribe(STREAM, 0, GROUP, 100).await.unwrap();
    let held = fetch(&mut *paused, COUNT, PATIENCE).await;
    assert_eq!(held.len(), COUNT);
    let successor_reads = contend(&second, STREAM, GROUP).await;
    held.into_iter().for_each(|delivery| delivery.settle.ack());
    // What was told the server is told before this is answered.
    first.publish(STREAM, 0, vec![Message::default()]).await.unwrap();
    drop(successor_reads);
    second.close().await;
    let mut reads = contend(&third, STREAM, GROUP).await;
    let still = fetch(&mut *reads, COUNT + 1, Duration::from_secs(4)).await;
    drop((paused, reads));
    first.close().await;
    third.close().await;
    still.len() - 1
}

#[test]
fn a_paused_owner_can_never_settle() {
    run(async {
        assert_eq!(unsettled_after_a_pause(Fault::NeverRenew, None).await, COUNT);
        assert_eq!(unsettled_after_a_pause(Fault::NeverRenewNorLook, None).await, COUNT);
        let kept =
            unsettled_after_a_pause(Fault::NeverRenewNorLook, Some(Fault::TakeOverKeepsConsumer)).await;
        assert!(kept < COUNT, "the bug was not caught");
    });
}

#[test]
fn a_holder_whose_lease_ran_out_is_told() {
    run(async {
        let bus = open(&Options { fault: Some(Fault::NeverRenew), ..short() }).await;
        let mut subscription = bus.subscribe(STREAM, 0, GROUP, 1).await.unwrap();
        let lost = subscription.fetch(1).await.err().unwrap();
        assert!(matches!(&lost, Error::Lost { partition: 0, group, .. } if group == GROUP), "{lost:?}");
        assert!(matches!(subscription.lag().await, Err(Error::Lost { .. })));
        // In the same process the place can be taken again at once.
        let again = bus.subscribe(STREAM, 0, GROUP, 1).await;
        assert!(again.is_ok());
        bus.close().await;
    });
}

#[test]
fn a_lease_that_ran_out_under_the_eyes_of_another_is_free_at_once() {
    run(async {
        let common = short();
        let holder = open(&Options { fault: Some(Fault::NeverRenew), ..common.clone() }).await;
        let (follower, stranger) = (open(&common).await, open(&common).await);
        follower.follow_leases();
        let mut reads = holder.subscribe(STREAM, 0, GROUP, 1).await.unwrap();
        let lost = reads.fetch(1).await.err().unwrap();
        assert!(matches!(lost, Error::Lost { .. }), "{lost:?}");
        // Long enough for a watch that was slow to begin.
        tokio::time::sleep(4 * TTL).await;
        // Who meets the lease only now has to see it stand still for a life first.
        let late = stranger.subscribe(STREAM, 0, GROUP, 1).await.err().unwrap();
        assert!(matches!(late, Error::Busy { .. }), "{late:?}");
        let taken = follower.subscribe(STREAM, 0, GROUP, 1).await;
        assert!(taken.is_ok(), "{:?}", taken.err());
        for bus in [holder, follower, stranger] {
            bus.close().await;
        }
    });
}

#[test]
fn a_holder_that_renews_keeps_its_place() {
    run(async {
        let common = short();
        let (first, second) = (open(&common).await, open(&common).await);
        second.follow_leases();
        let mut holder = first.subscribe(STREAM, 0, GROUP, 100).await.unwrap();
        let until = tokio::time::Instant::now() + 4 * TTL;
        while tokio::time::Instant::now() < until {
            let other = second.subscribe(STREAM, 0, GROUP, 100).await.err().unwrap();
            assert!(matches!(other, Error::Busy { .. }), "{other:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        publish(&first).await;
        assert_eq!(fetch(&mut *holder, COUNT, PATIENCE).await.len(), COUNT);
        first.close().await;
        second.close().await;
    });
}

#[test]
fn a_place_given_back_passes_on_with_its_attempts() {
    run(async {
        let common = options(support::alone());
        let (first, second) = (open(&common).await, open(&common).await);
        publish(&first).await;
        let mut subscription = first.subscribe(STREAM, 0, GROUP, 100).await.unwrap();
        let mut held = fetch(&mut *subscription, 3, PATIENCE).await;
        held.remove(1).settle.ack();
        held.remove(0).settle.retry(Duration::ZERO);
        // The other three were read ahead, perhaps, and handed to nobody.
        drop(subscription);
        let mut next = contend(&second, STREAM, GROUP).await;
        let mut passed = attempts(&fetch(&mut *next, 5, PATIENCE).await);
        passed.sort_unstable();
        assert_eq!(passed, [(1, 2), (3, 2), (4, 1), (5, 1), (6, 1)]);
        drop(held);
        second.close().await;
        first.close().await;
    });
}

/// Deliveries are lost on the wire: how many come all the same, well before the server would send them again by itself.
async fn arrived_after_a_loss(fault: Option<Fault>, patience: Duration) -> usize {
    let common = options(support::alone());
    let beside = open(&common).await;
    let proxy = support::proxy(&common.urls[0]).await;
    let through =
        Options { urls: vec![proxy.url()], fault, lease_ttl: Duration::from_secs(60), ..common.clone() };
    let reader = open(&through).await;
    let mut subscription = reader.subscribe(STREAM, 0, GROUP, 100).await.unwrap();
    // Waits until the server has something to send to.
    let client = async_nats::connect(common.urls[0].as_str()).await.unwrap();
    let context = async_nats::jetstream::new(client);
    let stream = context.get_stream(format!("{}-{STREAM}-0", common.prefix)).await.unwrap();
    let consumer = || async { stream.consumer_info("group-1").await.unwrap() };
    while consumer().await.num_waiting == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    proxy.stall_answers();
    publish(&beside).await;
    while consumer().await.delivered.stream_sequence < COUNT as u64 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    reconnect(&proxy);
    let arrived = fetch(&mut *subscription, COUNT, patience).await;
    assert!(arrived.iter().all(|delivery| delivery.attempt == 1));
    reader.close().await;
    beside.close().await;
    arrived.len()
}

#[test]
fn deliveries_lost_on_the_wire_are_asked_for() {
    run(async {
        assert_eq!(arrived_after_a_loss(None, PATIENCE).await, COUNT);
        let forgot = arrived_after_a_loss(Some(Fault::ForgetLostDeliveries), Duration::from_secs(10)).await;
        assert!(forgot < COUNT, "the bug was not caught");
    });
}

#[test]
fn a_group_is_forgotten_once_nobody_reads_and_begins_anew() {
    run(async {
        let common = options(support::alone());
        let (first, second) = (open(&common).await, open(&common).await);
        publish(&first).await;
        let mut subscription = first.subscribe(STREAM, 0, GROUP, 100).await.unwrap();
        fetch(&mut *subscription, COUNT, PATIENCE)
            .await
            .into_iter()
            .for_each(|delivery| delivery.settle.ack());
        let busy = second.forget(STREAM, GROUP).await.unwrap_err();
        assert!(matches!(busy, Error::Busy { .. }), "{busy}");
        drop(subscription);
        // Until the other process has given its place back.
        let forgotten = async {
            while let Err(error) = second.forget(STREAM, GROUP).await {
                assert!(matches!(error, Error::Busy { .. }), "{error}");
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, forgotten).await.unwrap();
        let mut anew = contend(&second, STREAM, GROUP).await;
        assert_eq!(anew.lag().await.unwrap(), COUNT as u64);
        assert_eq!(fetch(&mut *anew, COUNT, PATIENCE).await.len(), COUNT);
        first.close().await;
        second.close().await;
    });
}

#[test]
fn a_group_may_have_any_name() {
    run(async {
        let bus = open(&options(support::alone())).await;
        publish(&bus).await;
        for group in ["posts.feed > *", "Größe", &"x".repeat(128)] {
            let mut subscription = bus.subscribe(STREAM, 0, group, 10).await.unwrap();
            assert_eq!(fetch(&mut *subscription, COUNT, PATIENCE).await.len(), COUNT);
        }
        bus.close().await;
    });
}

/// Everything arrives, and what was acknowledged does not arrive again, though the server's memory of it dies.
#[test]
fn a_reader_outlives_a_server_that_is_killed() {
    run(async {
        let mut server = Server::start(Setup::default()).await.unwrap();
        let kind = Options { lease_ttl: Duration::from_secs(30), ..options(vec![server.url()]) };
        let bus = open(&kind).await;
        let mut subscription = bus.subscribe(STREAM, 0, GROUP, 8).await.unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for round in 0..3 {
            for _ in 0..20 {
                publish_numbered(&bus, seen.len() as u64).await;
                let all = bus.bounds(STREAM, 0).await.unwrap().last;
                while (seen.len() as u64) < all {
                    for delivery in subscription.fetch(4).await.unwrap() {
                        assert!(seen.insert(delivery.stored.sequence), "{} again", delivery.stored.sequence);
                        delivery.settle.ack();
                    }
                }
            }
            if round < 2 {
                server.kill().await.unwrap();
                server.restart().await.unwrap();
            }
        }
        assert!(seen.into_iter().eq(1..=(3 * 20 * COUNT) as u64));
        assert_eq!(subscription.lag().await.unwrap(), 0);
        drop(subscription);
        bus.close().await;
    });
}

async fn publish_numbered(bus: &JetStream, after: u64) {
    let message = |n| Message { id: format!("{after}-{n}"), ..Message::default() };
    let batch: Vec<Message> = (0..COUNT).map(message).collect();
    while let Err(error) = bus.publish(STREAM, 0, batch.clone()).await {
        assert!(error.retryable(), "{error:?}");
    }
}
