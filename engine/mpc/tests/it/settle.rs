//! The order of settling, and effects that happen once whatever fails in between.

use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use bus::{Bus, StreamSpec};
use model::Name;

use crate::support::{
    Diary, FlakyBus, FlakyStore, Setup, bundle, chain, found, message, new_bus, post, step,
};

async fn counting() -> Setup {
    Setup::new().await.with(&[
        ("bundles/a.wasm", &bundle("a", "1.0.0", "count")),
        ("chains/feed.toml", &chain("", &[step("a", "a@^1", "grants = [\"state\"]")])),
    ])
}

/// A setup whose bus and store keep one diary.
async fn flaky() -> (Setup, Arc<FlakyBus>, Arc<FlakyStore>) {
    let mut setup = counting().await;
    let diary = Diary::default();
    let bus = Arc::new(FlakyBus::new(Arc::clone(&setup.bus), Arc::clone(&diary)));
    let store = Arc::new(FlakyStore::new(Arc::clone(&setup.store), diary));
    setup.bus = Arc::clone(&bus) as Arc<dyn Bus>;
    setup.store = Arc::clone(&store) as _;
    (setup, bus, store)
}

/// What happened, but for the posts coming in.
fn diary(bus: &FlakyBus) -> Vec<String> {
    bus.diary.lock().iter().filter(|line| *line != "publish posts").cloned().collect()
}

#[tokio::test]
async fn outputs_come_before_the_commit_and_the_commit_before_the_ack() {
    let (setup, bus, _store) = flaky().await;
    let node = setup.start().await;
    let mut sink = node.sink("out").await;
    node.post(vec![message(1, "k", "x")]).await;
    assert_eq!(sink.take(1).await[0].body, "x|0");
    node.center.drain().await;
    assert_eq!(diary(&bus), ["publish out", "commit", "ack"]);
}

#[tokio::test]
async fn a_refused_output_is_offered_again_before_anything_is_committed() {
    let (setup, bus, _store) = flaky().await;
    let node = setup.start().await;
    let mut sink = node.sink("out").await;
    let posts = bus::partition_of("k", 4);
    bus.publish("posts", posts, vec![message(1, "k", "x")]).await.unwrap();
    sink.take(1).await;
    bus.overloaded.store(2, SeqCst);
    // Past the flaky publish: the post itself must get in.
    bus.inner.publish("posts", posts, vec![message(2, "k", "x")]).await.unwrap();
    assert_eq!(sink.take(1).await[0].body, "x|1");
    node.center.drain().await;
    let lines = diary(&bus);
    assert_eq!(lines[3..], ["refused out", "refused out", "publish out", "commit", "ack"], "{lines:?}");
}

#[tokio::test]
async fn when_publishing_fails_nothing_is_committed_and_the_message_runs_again() {
    let (setup, bus, _store) = flaky().await;
    let node = setup.start().await;
    let mut sink = node.sink("out").await;
    bus.broken.store(1, SeqCst);
    let posts = bus::partition_of("k", 4);
    bus.inner.publish("posts", posts, vec![message(1, "k", "x")]).await.unwrap();
    assert_eq!(sink.take(1).await[0].body, "x|0", "its state was not touched by the attempt that failed");
    node.center.drain().await;
    assert_eq!(diary(&bus), ["refused out", "publish out", "commit", "ack"]);
}

#[tokio::test]
async fn when_the_commit_fails_the_message_runs_again_and_its_effects_happen_once() {
    let (setup, bus, store) = flaky().await;
    let node = setup.start().await;
    let mut sink = node.sink("out").await;
    store.fail.store(true, SeqCst);
    node.post(vec![message(1, "k", "x")]).await;
    assert_eq!(sink.take(1).await[0].body, "x|0");
    node.post(vec![message(2, "k", "x")]).await;
    assert_eq!(sink.take(1).await[0].body, "x|1", "published twice under one id, stored once; counted once");
    node.center.drain().await;
    assert!(sink.rest().is_empty());
    let lines = diary(&bus);
    let failed = lines.iter().position(|line| line == "failed").unwrap();
    assert!(!lines[..failed].contains(&"ack".to_owned()), "nothing was acknowledged before: {lines:?}");
}

/// A batch that was published and not committed comes again over a bus that has forgotten it: what comes out. The second post of
/// the batch fails when it comes again, and is tried once more when the others are committed.
async fn published_without_a_commit(fault: Option<mpc::Fault>) -> Vec<String> {
    let (setup, bus, store) = flaky().await;
    let mut setup = setup.with(&[
        ("bundles/a.wasm", &bundle("a", "1.0.0", "count hiccup")),
        ("chains/feed.toml", &chain("", &[step("a", "a@^1", "grants = [\"state\"]")])),
    ]);
    setup.options.fault = fault;
    bus.forgetful.store(true, SeqCst);
    for stream in ["posts", "out"] {
        let spec = StreamSpec::new(Name::new(stream).unwrap(), 4);
        bus.inner.provision(&StreamSpec { dedupe_window: Duration::ZERO, ..spec }).await.unwrap();
    }
    let node = setup.start().await;
    let mut sink = node.sink("out").await;
    let partition = bus::partition_of("k", 4);
    let other = (0..).map(|n| format!("o{n}")).find(|key| bus::partition_of(key, 4) == partition).unwrap();
    node.post(vec![message(0, "k", "x")]).await;
    let mut came = sink.take(1).await;
    found("the first post is settled", async || diary(&bus).contains(&"ack".to_owned()).then_some(())).await;
    store.fail.store(true, SeqCst);
    node.post(vec![message(1, "k", "x"), message(2, &other, "poison"), message(3, "k", "x")]).await;
    found("the commit fails", async || diary(&bus).contains(&"failed".to_owned()).then_some(())).await;
    // Behind all of each key.
    node.post(vec![message(4, "k", "x"), message(5, &other, "last")]).await;
    let fences = ["x|3", "last|1"];
    while !fences.iter().all(|fence| came.iter().any(|message| message.body == *fence)) {
        came.extend(sink.take(1).await);
    }
    node.center.drain().await;
    came.extend(sink.rest());
    let mut came: Vec<_> = came.iter().map(|message| String::from_utf8_lossy(&message.body).into()).collect();
    came.sort();
    came
}

#[tokio::test]
async fn what_was_published_without_a_commit_is_not_published_again_when_the_bus_has_forgotten_it() {
    let once = ["last|1", "poison|0", "x|0", "x|1", "x|2", "x|3"];
    assert_eq!(published_without_a_commit(None).await, once);
    let trusting = published_without_a_commit(Some(mpc::Fault::TrustIds)).await;
    let twice = |body: &str| trusting.iter().filter(|came| *came == body).count() == 2;
    assert!(
        twice("poison|0") && twice("x|1"),
        "a lane that trusts the bus's memory is not caught: {trusting:?}"
    );
}

/// An output that was stored without an answer, over a bus that has forgotten it: what comes out of this post and the next.
async fn published_without_an_answer(fault: Option<mpc::Fault>) -> Vec<String> {
    let (mut setup, bus, _store) = flaky().await;
    setup.options.fault = fault;
    bus.forgetful.store(true, SeqCst);
    let spec = StreamSpec::new(Name::new("out").unwrap(), 4);
    bus.inner.provision(&StreamSpec { dedupe_window: Duration::ZERO, ..spec }).await.unwrap();
    let node = setup.start().await;
    let mut sink = node.sink("out").await;
    bus.unanswered.store(1, SeqCst);
    // Past the flaky publish: the output is what is not to be answered.
    let partition = bus::partition_of("k", 4);
    bus.inner.publish("posts", partition, vec![message(1, "k", "x"), message(2, "k", "x")]).await.unwrap();
    let mut came = Vec::new();
    while !came.contains(&"x|1".to_owned()) {
        let next = sink.take(1).await.remove(0);
        came.push(String::from_utf8_lossy(&next.body).into_owned());
    }
    node.center.drain().await;
    came.extend(sink.rest().iter().map(|message| String::from_utf8_lossy(&message.body).into_owned()));
    came.sort();
    came
}

#[tokio::test]
async fn what_was_not_answered_for_too_long_is_looked_up_and_not_published_again() {
    assert_eq!(published_without_an_answer(None).await, ["x|0", "x|1"]);
    let trusting = published_without_an_answer(Some(mpc::Fault::TrustIds)).await;
    assert!(trusting.len() > 2, "a lane that trusts the bus's memory is not caught: {trusting:?}");
}

#[tokio::test]
async fn a_lane_that_waits_for_an_output_without_room_gets_away_from_it_by_a_reload() {
    let (setup, bus, _store) = flaky().await;
    let node = setup.start().await;
    *bus.full.lock() = Some("out");
    node.post(vec![message(1, "k", "x"), message(2, "k", "x")]).await;
    found("the lane waits", async || (bus.waits.load(SeqCst) > 2).then_some(())).await;
    let elsewhere =
        chain("", &[step("a", "a@^1", "grants = [\"state\"]")]).replace("\"out\"", "\"elsewhere\"");
    node.put("chains/feed.toml", &elsewhere);
    let is_there = async || {
        bus.inner.streams().await.unwrap().iter().any(|spec| &*spec.name == "elsewhere").then_some(())
    };
    found("the other output is there", is_there).await;
    let mut sink = node.sink("elsewhere").await;
    let bodies: Vec<_> = sink.take(2).await.into_iter().map(|message| message.body).collect();
    assert_eq!(bodies, ["x|0", "x|1"]);
    node.center.drain().await;
    assert!(sink.rest().is_empty());
}

#[tokio::test]
async fn a_full_store_makes_the_lane_wait() {
    let (setup, bus, store) = flaky().await;
    let node = setup.start().await;
    let mut sink = node.sink("out").await;
    store.full.store(3, SeqCst);
    node.post(vec![message(1, "k", "x")]).await;
    sink.take(1).await;
    node.center.drain().await;
    assert_eq!(diary(&bus), ["publish out", "full", "full", "full", "commit", "ack"]);
}

#[tokio::test]
async fn what_the_ledger_has_is_acknowledged_without_running() {
    let setup = counting().await;
    let node = setup.start().await;
    let mut sink = node.sink("out").await;
    let posts: Vec<_> = (0..50).map(|n| message(n, &format!("k{}", n % 5), "x")).collect();
    node.post(posts.clone()).await;
    sink.take(50).await;
    node.center.drain().await;
    // The same stream on another bus that knows nothing of what was acknowledged; the store knows.
    let mut again = setup;
    again.bus = new_bus().await;
    post(&*again.bus, posts).await;
    let node = again.start().await;
    let mut sink = node.sink("out").await;
    node.post((0..5).map(|n| message(100 + n, &format!("k{n}"), "x")).collect()).await;
    let bodies: Vec<_> = sink.take(5).await.into_iter().map(|m| m.body).collect();
    assert_eq!(bodies, ["x|10"; 5], "state goes on where it was");
    node.center.drain().await;
    assert!(sink.rest().is_empty());
}

#[tokio::test]
async fn messages_of_one_batch_see_one_another() {
    let setup = counting().await;
    let posts: Vec<_> = (0..300).map(|n| message(n, "k", &format!("{n}"))).collect();
    post(&*setup.bus, posts).await;
    let node = setup.start().await;
    let mut sink = node.sink("out").await;
    let bodies: Vec<_> = sink.take(300).await.into_iter().map(|m| m.body).collect();
    let expected: Vec<_> = (0..300).map(|n| format!("{n}|{n}")).collect();
    assert_eq!(bodies, expected, "in order, each counted once, across batches");
}

#[tokio::test]
async fn a_ledger_that_is_ahead_of_its_stream_is_not_believed() {
    let mut setup = counting().await;
    let node = setup.start().await;
    let mut sink = node.sink("out").await;
    node.post((0..20).map(|n| message(n, "k", "x")).collect()).await;
    sink.take(20).await;
    node.center.drain().await;
    setup.bus = new_bus().await;
    post(&*setup.bus, (100..105).map(|n| message(n, "k", "new")).collect()).await;
    let node = setup.start().await;
    let mut sink = node.sink("out").await;
    assert!(sink.take(5).await.iter().all(|message| message.body.starts_with(b"new|")));
}

#[tokio::test]
async fn a_ledger_that_is_none_fails_its_lane_with_what_to_do() {
    let setup = counting().await;
    let partition = bus::partition_of("k", 4);
    let mut batch = store::Batch::new();
    batch.put("ledger", &[b"posts\0", partition.to_be_bytes().as_slice(), b"feed"].concat(), b"nonsense");
    setup.store.write(&batch).unwrap();
    let node = setup.start().await;
    let failing = found("the lane fails", async || node.failing(partition)).await;
    let told = "failed to read a ledger: 8 bytes that are none: check the disk, and restore the data folder from a copy";
    assert_eq!(failing, told);
}
