//! Closing.

use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use crate::support::{Diary, FlakyBus, Node, Setup, bundle, chain, message, post, step, until};

/// How many messages the lane of `key` has in hand.
fn in_hand(node: &Node, key: &str) -> u64 {
    let lanes = &node.center.chains()[0].lanes;
    lanes[bus::partition_of(key, 4) as usize].in_flight
}

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

#[tokio::test]
async fn a_bus_without_room_does_not_hold_up_a_drain() {
    let mut setup = setup("count").await;
    let inner = Arc::clone(&setup.bus);
    let full = Arc::new(FlakyBus::new(Arc::clone(&inner), Diary::default()));
    setup.bus = Arc::clone(&full) as _;
    setup.options.batch_max = 1;
    let node = setup.start().await;
    full.overloaded.store(u32::MAX, SeqCst);
    post(&*inner, vec![message(1, "k", "x"), message(2, "k", "x")]).await;
    // One batch cannot settle, and the next one waits for it.
    until("two are in hand", async || in_hand(&node, "k") == 2).await;
    tokio::time::pause();
    let closed = tokio::time::timeout(setup.options.drain_max * 2, node.center.drain()).await;
    assert!(closed.is_ok(), "the drain hangs");
    let failing =
        node.center.chains().into_iter().flat_map(|chain| chain.lanes).find(|l| l.failing.is_some());
    assert!(failing.is_none(), "{failing:?}");
    tokio::time::resume();
    drop(node);
    full.overloaded.store(0, SeqCst);
    let node = setup.start().await;
    let arrived = node.sink("out").await.take(2).await;
    assert_eq!(arrived.iter().map(|m| &m.body[..]).collect::<Vec<_>>(), [b"x|0", b"x|1"]);
}

#[tokio::test]
async fn a_lane_waits_quietly_for_the_one_before_it() {
    let setup = setup("count").await;
    let partition = bus::partition_of("k", 4);
    let before = setup.bus.subscribe("posts", partition, "feed", 1).await.unwrap();
    let node = setup.start().await;
    tokio::time::pause();
    tokio::time::sleep(setup.options.drain_max / 2).await;
    assert_eq!(node.center.chains()[0].lanes[partition as usize].failing, None);
    tokio::time::sleep(setup.options.drain_max).await;
    let failing = node.center.chains()[0].lanes[partition as usize].failing.clone();
    assert!(failing.is_some_and(|why| why.contains("already reads")), "nobody closes for that long");
    tokio::time::resume();
    drop(before);
    node.post(vec![message(1, "k", "x")]).await;
    assert_eq!(node.sink("out").await.take(1).await[0].body, "x|0");
}
