//! What tests do with places: take them, read there, and let them be forgotten.

use std::time::{Duration, Instant};

use bus::{Bus, Delivery, KeyValue, Subscription};
use fleet::{JetStream, Keys};
use serde_json::Value;
use testkit::wait;

/// Takes the place in the stream's first partition as soon as it is free.
pub(crate) async fn contend(bus: &JetStream, stream: &str, group: &str) -> Box<dyn Subscription> {
    loop {
        match bus.subscribe(stream, 0, group, 100).await {
            Ok(subscription) => return subscription,
            Err(error) => assert!(error.retryable(), "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

/// Fetches until there are `count`, or nothing comes for `patience`.
pub(crate) async fn fetch(
    subscription: &mut dyn Subscription,
    count: usize,
    patience: Duration,
) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    while deliveries.len() < count {
        match tokio::time::timeout(patience, subscription.fetch(count - deliveries.len())).await {
            Ok(fetched) => deliveries.extend(fetched.unwrap()),
            Err(_) => break,
        }
    }
    deliveries
}

/// Removes a place's lease, once whoever had it has given it back. One that was written by others meanwhile never is.
pub(crate) async fn forget(leases: &Keys, place: &str) {
    const GIVEN_BACK_WITHIN: Duration = Duration::from_millis(100);
    let began = Instant::now();
    wait::until("the lease is gone", Duration::from_secs(30), async || {
        let Some(kept) = leases.get(place).await.unwrap() else { return Some(()) };
        let lease: Value = serde_json::from_slice(&kept.value).unwrap();
        if !lease["holder"].is_null() && began.elapsed() < GIVEN_BACK_WITHIN {
            return None;
        }
        leases.remove(place, kept.revision).await.ok()
    })
    .await
    .unwrap();
}
