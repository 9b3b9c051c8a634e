//! Closing.

use std::time::Duration;

use crate::support::{Setup, bundle, chain, message, post, step};

async fn setup(words: &str) -> Setup {
    Setup::new().await.with(&[
        ("bundles/a.wasm", &bundle("a", "1.0.0", words)),
        ("chains/feed.toml", &chain("", &[step("a", "a@^1", "grants = [\"state\"]")])),
    ])
}

#[tokio::test]
async fn a_drain_finishes_what_is_in_hand_and_a_restart_goes_on_behind_it() {
    let setup = setup("count").await;
    let posts: Vec<_> = (0..1_000).map(|n| message(n, "k", "x")).collect();
    post(&*setup.bus, posts).await;
    let node = setup.start().await;
    let mut sink = node.sink("out").await;
    let mut arrived = sink.take(1).await;
    assert_eq!(node.center.ready(), Ok(()));
    node.center.drain().await;
    assert_eq!(node.center.ready(), Err(mpc::NotReady::Draining));
    drop(node);
    let node = setup.start().await;
    arrived.extend(sink.take(999).await);
    node.center.drain().await;
    arrived.extend(sink.rest());
    let counted: Vec<_> = arrived.into_iter().map(|m| m.body).collect();
    assert_eq!(counted, (0..1_000).map(|n| format!("x|{n}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_still_waits_for_a_retry_goes_back_to_the_bus() {
    let mut setup = setup("retry").await;
    setup.options.drain_max = Duration::from_millis(20);
    setup.options.retry.first = Duration::from_secs(3_600);
    setup.options.retry.max = Duration::from_secs(3_600);
    let node = setup.start().await;
    let mut sink = node.sink("out").await;
    node.post(vec![message(1, "k", "poison"), message(2, "k", "x"), message(3, "other", "x")]).await;
    assert_eq!(sink.take(1).await[0].key, "other");
    node.center.drain().await;
    let partition = bus::partition_of("k", 4);
    let mut subscription = node.bus.subscribe("posts", partition, "feed", 10).await.unwrap();
    let given_back = subscription.fetch(10).await.unwrap();
    assert_eq!(given_back.iter().filter(|d| d.stored.message.key == "k").count(), 2);
}
