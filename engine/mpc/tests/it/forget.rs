//! Chains that are gone, and what the bus keeps for them: nothing.

use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use bus::StreamSpec;
use model::Name;
use mpc::{Backoff, Watch, receipt::Verdict};

use crate::support::{Diary, FlakyBus, Node, Setup, bundle, chain, message, step, until};

/// Chain `feed`, whose step `a` does `words`, and chain `other`, which lets everything through, over one stream.
async fn setup(words: &str) -> (Setup, Diary) {
    let other =
        chain("", &[step("b", "b@^1", "")]).replace("feed", "other").replace("\"out\"", "\"elsewhere\"");
    let mut setup = Setup::new().await.with(&[
        ("bundles/a.wasm", &bundle("a", "1.0.0", words)),
        ("bundles/b.wasm", &bundle("b", "1.0.0", "")),
        ("chains/feed.toml", &feed()),
        ("chains/other.toml", &other),
    ]);
    let diary = Diary::default();
    setup.bus = Arc::new(FlakyBus::new(Arc::clone(&setup.bus), Arc::clone(&diary)));
    (setup, diary)
}

fn feed() -> String {
    chain("", &[step("a", "a@^1", "")])
}

/// What was forgotten so far.
fn forgotten(diary: &Diary) -> Vec<String> {
    diary.lock().iter().filter(|line| line.starts_with("forget")).cloned().collect()
}

async fn remove_feed(node: &mut Node, diary: &Diary) {
    std::fs::remove_file(node.path("chains/feed.toml")).unwrap();
    node.receipt(Verdict::Removed).await;
    until("forgotten", async || !forgotten(diary).is_empty()).await;
}

#[tokio::test]
async fn a_removed_chain_holds_up_no_retention() {
    let (mut setup, diary) = setup("retry").await;
    // It will be stuck with its first message for good, and a drain gives that back.
    setup.options.retry = Backoff { first: Duration::from_secs(3_600), max: Duration::from_secs(3_600) };
    setup.options.drain_max = Duration::from_millis(20);
    setup.bus.provision(&StreamSpec::new(Name::new("posts").unwrap(), 4).retaining(1)).await.unwrap();
    let mut node = setup.start().await;
    node.post((0..50).map(|n| message(n, "k", if n == 0 { "poison" } else { "x" })).collect()).await;
    node.sink("elsewhere").await.take(50).await;
    remove_feed(&mut node, &diary).await;
    let partition = bus::partition_of("k", 4);
    let trimmed = async || node.bus.bounds("posts", partition).await.unwrap().first > 1;
    until("trimmed", trimmed).await;
}

#[tokio::test]
async fn a_bus_that_was_away_when_a_chain_went_hears_of_it_later() {
    let (mut setup, diary) = setup("mark").await;
    let bus = Arc::new(FlakyBus::new(Arc::clone(&setup.bus), Arc::clone(&diary)));
    setup.bus = Arc::clone(&bus) as _;
    setup.options.watch = Watch::Poll(Duration::from_millis(20));
    let mut node = setup.start().await;
    node.post(vec![message(0, "k", "x")]).await;
    node.sink("out").await.take(1).await;
    // More than all lanes of the chain ask for it, one after the other.
    bus.remembering.store(40, SeqCst);
    remove_feed(&mut node, &diary).await;
    node.center.drain().await;
}

#[tokio::test]
async fn a_chain_that_comes_back_does_nothing_twice_and_leaves_nothing_out() {
    let (setup, diary) = setup("mark").await;
    let mut node = setup.start().await;
    let mut sink = node.sink("out").await;
    node.post((0..50).map(|n| message(n, "k", "x")).collect()).await;
    sink.take(50).await;
    remove_feed(&mut node, &diary).await;
    node.post(vec![message(50, "k", "meanwhile")]).await;
    node.put("chains/feed.toml", &feed());
    node.receipt(Verdict::Live).await;
    node.post(vec![message(51, "k", "later")]).await;
    let bodies: Vec<_> = sink.take(2).await.into_iter().map(|message| message.body).collect();
    assert_eq!(bodies, ["meanwhile|a@1.0.0", "later|a@1.0.0"]);
    node.center.drain().await;
    assert!(sink.rest().is_empty());
    assert_eq!(forgotten(&diary).last().unwrap(), "forget posts feed", "and a drain forgets nobody");
}

#[tokio::test]
async fn a_chain_that_reads_another_stream_is_forgotten_where_it_read_before() {
    let (setup, diary) = setup("mark").await;
    setup.bus.provision(&StreamSpec::new(Name::new("notes").unwrap(), 2)).await.unwrap();
    let mut node = setup.start().await;
    node.put("chains/feed.toml", &feed().replace("\"posts\"", "\"notes\""));
    node.receipt(Verdict::Live).await;
    until("forgotten", async || !forgotten(&diary).is_empty()).await;
    node.center.drain().await;
    assert!(forgotten(&diary).iter().all(|line| line == "forget posts feed"));
}

#[tokio::test]
async fn a_chain_that_went_while_nobody_watched_is_forgotten_at_the_next_start() {
    let (setup, diary) = setup("mark").await;
    let node = setup.start().await;
    node.post(vec![message(1, "k", "x")]).await;
    for out in ["out", "elsewhere"] {
        node.sink(out).await.take(1).await;
    }
    node.center.drain().await;
    // A text that cannot be read may be anybody's.
    node.put("chains/feed.toml", "[chain");
    let mut node = setup.start().await;
    assert!(forgotten(&diary).is_empty());
    std::fs::remove_file(node.path("chains/feed.toml")).unwrap();
    node.put("bundles/b.wasm", &bundle("b", "1.0.1", ""));
    node.receipt(Verdict::Live).await;
    until("forgotten", async || forgotten(&diary) == ["forget posts feed"]).await;
}
