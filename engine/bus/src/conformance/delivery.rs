use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    time::Duration,
};

use tokio::time::Instant;

use super::{STREAM, Subject, attempts, fetch, messages, opened, publish_numbers, sequences, spec};
use crate::{Error, Subscription};

const CREDITS: usize = 4;

/// Whether a fetch has nothing to answer; polls it once and drops it.
async fn fetches_nothing(subscription: &mut dyn Subscription) -> bool {
    let mut fetch = pin!(subscription.fetch(9));
    poll_fn(|context| Poll::Ready(fetch.as_mut().poll(context).is_pending())).await
}

/// In sequence order, each once, and what is acked stays away.
pub async fn first_deliveries_come_in_order_and_once(subject: &dyn Subject) {
    let bus = opened(subject, &spec(1)).await;
    publish_numbers(&*bus, 5).await;
    let mut subscription = bus.subscribe(STREAM, 0, "group", 100).await.unwrap();
    assert_eq!(subscription.lag().await.unwrap(), 5);
    let first = fetch(&mut *subscription, 2).await;
    let rest = fetch(&mut *subscription, 3).await;
    assert_eq!(sequences(&first), [1, 2]);
    assert_eq!(sequences(&rest), [3, 4, 5]);
    assert_eq!(rest[0].stored.message, super::message("3"));
    assert!(first.iter().chain(&rest).all(|delivery| delivery.attempt == 1));
    assert_eq!(subscription.lag().await.unwrap(), 5);
    rest.into_iter().chain(first).for_each(|delivery| delivery.settle.ack());
    assert_eq!(subscription.lag().await.unwrap(), 0);
    assert!(fetches_nothing(&mut *subscription).await);
    drop(subscription);
    subject.close(bus).await;
}

/// Never more than `credits` unsettled, those that wait for a retry among them.
pub async fn credits_bound_what_is_unsettled(subject: &dyn Subject) {
    let bus = opened(subject, &spec(1)).await;
    publish_numbers(&*bus, 9).await;
    let mut subscription = bus.subscribe(STREAM, 0, "group", CREDITS).await.unwrap();
    let mut held = fetch(&mut *subscription, CREDITS).await;
    assert!(fetches_nothing(&mut *subscription).await);
    held.remove(1).settle.ack();
    held.remove(1).settle.retry(Duration::from_secs(3600));
    assert_eq!(sequences(&fetch(&mut *subscription, 1).await), [5]);
    drop(held);
    drop(subscription);
    subject.close(bus).await;
}

/// Dropping and retrying count the attempt up; the others are not touched.
pub async fn what_is_dropped_or_retried_comes_again(subject: &dyn Subject) {
    let bus = opened(subject, &spec(1)).await;
    publish_numbers(&*bus, 3).await;
    let mut subscription = bus.subscribe(STREAM, 0, "group", CREDITS).await.unwrap();
    for attempt in 1..=3 {
        let mut held = fetch(&mut *subscription, 3).await;
        assert_eq!(attempts(&held), [(1, attempt), (2, attempt), (3, attempt)]);
        held.remove(0).settle.retry(Duration::ZERO);
        drop(held);
    }
    for delivery in fetch(&mut *subscription, 3).await {
        if delivery.stored.sequence != 2 {
            delivery.settle.ack();
        }
    }
    assert_eq!(attempts(&fetch(&mut *subscription, 1).await), [(2, 5)]);
    drop(subscription);
    subject.close(bus).await;
}

/// Not before its time, and by itself once it has come; others go on meanwhile.
pub async fn a_retry_waits_for_its_delay(subject: &dyn Subject) {
    const DELAY: Duration = Duration::from_millis(200);
    let bus = opened(subject, &spec(1)).await;
    publish_numbers(&*bus, 2).await;
    let mut subscription = bus.subscribe(STREAM, 0, "group", CREDITS).await.unwrap();
    let asked = Instant::now();
    fetch(&mut *subscription, 1).await.remove(0).settle.retry(DELAY);
    let other = fetch(&mut *subscription, 1).await;
    assert_eq!(attempts(&other), [(2, 1)]);
    assert_eq!(attempts(&fetch(&mut *subscription, 1).await), [(1, 2)]);
    assert!(asked.elapsed() >= DELAY);
    drop((other, subscription));
    subject.close(bus).await;
}

/// The second is refused; a dropped one frees the partition and gives back what it held.
pub async fn one_subscription_per_partition_and_group(subject: &dyn Subject) {
    let bus = opened(subject, &spec(2)).await;
    publish_numbers(&*bus, 3).await;
    let mut first = bus.subscribe(STREAM, 0, "group", CREDITS).await.unwrap();
    let second = bus.subscribe(STREAM, 0, "group", CREDITS).await.err().unwrap();
    assert!(matches!(&second, Error::Busy { .. }) && second.retryable(), "{second:?}");
    let elsewhere = bus.subscribe(STREAM, 1, "group", CREDITS).await.unwrap();
    let mut held = fetch(&mut *first, 2).await;
    drop(first);
    let mut next = bus.subscribe(STREAM, 0, "group", CREDITS).await.unwrap();
    assert_eq!(attempts(&fetch(&mut *next, 3).await), [(1, 2), (2, 2), (3, 1)]);
    // Its effects are done, whoever holds the message now.
    held.remove(0).settle.ack();
    drop((held, next, elsewhere));
    subject.close(bus).await;
}

/// Each group gets everything, in its own time.
pub async fn groups_do_not_see_each_other(subject: &dyn Subject) {
    let bus = opened(subject, &spec(1)).await;
    publish_numbers(&*bus, 2).await;
    for group in ["a", "b"] {
        let mut subscription = bus.subscribe(STREAM, 0, group, CREDITS).await.unwrap();
        let held = fetch(&mut *subscription, 2).await;
        assert_eq!(attempts(&held), [(1, 1), (2, 1)]);
        held.into_iter().for_each(|delivery| delivery.settle.ack());
    }
    for group in ["", &"x".repeat(129)] {
        assert!(matches!(bus.subscribe(STREAM, 0, group, 1).await, Err(Error::Group { .. })));
    }
    subject.close(bus).await;
}

/// By a message that arrives and by a credit that comes back.
pub async fn a_waiting_fetch_is_woken(subject: &dyn Subject) {
    let bus = opened(subject, &spec(1)).await;
    let mut subscription = bus.subscribe(STREAM, 0, "group", 1).await.unwrap();
    let publish = bus.publish(STREAM, 0, messages(["1", "2"]));
    let (mut held, published) = tokio::join!(subscription.fetch(2), publish);
    assert_eq!(published.unwrap().len(), 2);
    let held = held.as_mut().unwrap().remove(0);
    let (next, ()) = tokio::join!(subscription.fetch(2), async { held.settle.ack() });
    assert_eq!(sequences(&next.unwrap()), [2]);
    drop(subscription);
    subject.close(bus).await;
}

/// A fetch given up, before or while something arrives, costs no message and no attempt.
pub async fn a_dropped_fetch_loses_nothing(subject: &dyn Subject) {
    let bus = opened(subject, &spec(1)).await;
    let mut subscription = bus.subscribe(STREAM, 0, "group", CREDITS).await.unwrap();
    assert!(fetches_nothing(&mut *subscription).await);
    {
        let mut fetch = pin!(subscription.fetch(9));
        poll_fn(|context| Poll::Ready(fetch.as_mut().poll(context).is_pending())).await;
        publish_numbers(&*bus, 1).await;
    }
    assert_eq!(attempts(&fetch(&mut *subscription, 1).await), [(1, 1)]);
    drop(subscription);
    subject.close(bus).await;
}

/// What was acked stays away, what was out comes again with its attempt counted up, the rest is new.
pub async fn positions_survive_reopening(subject: &dyn Subject) {
    let bus = opened(subject, &spec(1)).await;
    publish_numbers(&*bus, 6).await;
    let mut subscription = bus.subscribe(STREAM, 0, "group", 100).await.unwrap();
    for delivery in fetch(&mut *subscription, 5).await {
        match delivery.stored.sequence {
            1 | 3 => delivery.settle.ack(),
            4 => delivery.settle.retry(Duration::ZERO),
            _ => drop(delivery),
        }
    }
    let held = fetch(&mut *subscription, 4).await;
    assert_eq!(attempts(&held), [(2, 2), (4, 2), (5, 2), (6, 1)]);
    subject.close(bus).await;
    drop((held, subscription));

    let bus = subject.open().await;
    let mut subscription = bus.subscribe(STREAM, 0, "group", 100).await.unwrap();
    assert_eq!(subscription.lag().await.unwrap(), 4);
    assert_eq!(attempts(&fetch(&mut *subscription, 4).await), [(2, 3), (4, 3), (5, 3), (6, 2)]);
    drop(subscription);
    subject.close(bus).await;
}
