//! What becomes of messages that fail, and of those around them.

use std::{sync::Arc, time::Duration};

use mpc::{DeadLetter, dead::Kept, receipt::Verdict};

use store::Memory;

use crate::support::{
    Node, Setup, Sink, bundle, chain, damage, forgetful_bus, found, message, post, step, until,
};

/// One step `a` that does `words`, in a chain with `head`.
async fn start(head: &str, words: &str) -> (Node, Sink) {
    start_with(Setup::new().await, head, words).await
}

async fn start_with(setup: Setup, head: &str, words: &str) -> (Node, Sink) {
    let setup = setup.with(&[
        ("bundles/a.wasm", &bundle("a", "1.0.0", words)),
        ("bundles/b.wasm", &bundle("b", "1.0.0", "mark")),
        (
            "chains/feed.toml",
            &chain(head, &[step("b", "b@^1", ""), step("a", "a@^1", "grants = [\"state\"]")]),
        ),
    ]);
    let node = setup.start().await;
    let sink = node.sink("out").await;
    (node, sink)
}

/// The next dead letter, and its sequence.
async fn dead_letter(node: &Node) -> (u64, DeadLetter) {
    let mut letters = node.sink("dead-letters").await;
    letters.take(1).await;
    let listed = node.center.dead_letters().list(1, 10).await.unwrap().remove(0);
    (listed.number, listed.letter.whole().unwrap())
}

#[tokio::test]
async fn a_poison_message_gets_its_attempts_and_then_a_complete_dead_letter() {
    let (node, mut sink) = start("attempts_max = 3", "trap").await;
    let poison = message(1, "bad", "{\"text\": \"poison\"}");
    node.post(vec![poison.clone(), message(2, "good", "x")]).await;
    assert_eq!(sink.take(1).await[0].key, "good");
    let (_, letter) = dead_letter(&node).await;
    assert_eq!(letter.message().unwrap(), poison, "as it came in, not as the first step left it");
    assert_eq!((&*letter.stream, &*letter.chain, letter.sequence), ("posts", "feed", 1));
    assert_eq!(letter.partition, bus::partition_of("bad", 4));
    assert_eq!(letter.step.as_deref(), Some("a"));
    assert_eq!(letter.path.iter().map(|id| id.as_str()).collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!((letter.generation, letter.attempts), (1, 3));
    let bundle = letter.bundle.unwrap();
    assert_eq!(bundle.to_string(), "a@1.0.0");
    assert_eq!(bundle.digest, node.center.chains()[0].steps[1].digest);
    assert_eq!((letter.error.code.as_str(), letter.error.sentence.as_str()), ("trap", "the guest trapped"));
    assert_eq!(letter.error.backtrace, ["guest::process"]);
    assert!(letter.at_ms >= letter.accepted_at_ms && letter.accepted_at_ms > 0);
}

#[tokio::test]
async fn a_message_behind_a_poison_one_of_its_key_waits_and_keeps_its_place() {
    let (node, mut sink) = start("", "heal:4").await;
    let bodies = ["1 poison", "2", "3 poison", "4"];
    node.post(bodies.iter().enumerate().map(|(n, body)| message(n, "k", body)).collect()).await;
    let arrived: Vec<_> = sink.take(4).await.into_iter().map(|m| m.body).collect();
    assert_eq!(arrived, bodies.map(|body| format!("{body}|b@1.0.0")));
}

#[tokio::test]
async fn those_behind_a_message_that_is_tried_again_do_not_walk_with_it() {
    // Once beside it, before it is known to fail, and once when it is through.
    let (node, mut sink) = start("attempts_max = 9", "twice heal:8").await;
    let bodies = ["1 poison", "2", "3"];
    node.post(bodies.iter().enumerate().map(|(n, body)| message(n, "k", body)).collect()).await;
    let arrived: Vec<_> = sink.take(3).await.into_iter().map(|m| m.body).collect();
    assert_eq!(arrived, bodies.map(|body| format!("{body}|b@1.0.0")));
}

#[tokio::test]
async fn a_rejected_message_is_dead_at_once_and_those_behind_it_go_on() {
    let (node, mut sink) = start("", "reject").await;
    node.post(vec![message(1, "k", "poison"), message(2, "k", "x")]).await;
    assert_eq!(sink.take(1).await[0].body, "x|b@1.0.0");
    let (_, letter) = dead_letter(&node).await;
    assert_eq!((letter.attempts, letter.error.code.as_str()), (1, "reject"));
}

#[tokio::test]
async fn a_reason_that_no_letter_could_hold_is_cut_and_stops_nobody() {
    let (node, mut sink) = start("", "rant").await;
    node.post(vec![message(1, "k", "poison"), message(2, "k", "x")]).await;
    assert_eq!(sink.take(1).await[0].body, "x|b@1.0.0");
    let (_, letter) = dead_letter(&node).await;
    let sentence = letter.error.sentence;
    assert!(sentence.len() < 5000 && sentence.ends_with("\u{1} …"), "{} bytes", sentence.len());
}

#[tokio::test]
async fn a_panic_of_the_host_costs_its_message_only() {
    let (node, mut sink) = start("attempts_max = 2", "panic").await;
    node.post(vec![message(1, "k", "poison"), message(2, "k", "x")]).await;
    assert_eq!(sink.take(1).await[0].body, "x|b@1.0.0");
    let (_, letter) = dead_letter(&node).await;
    assert!(letter.error.sentence.contains("the host has a bug"), "{letter:?}");
}

#[tokio::test]
async fn a_replayed_dead_letter_runs_once_under_its_own_id_however_often_it_is_replayed() {
    let setup = Setup::new().await;
    // The bus remembers nothing: what was replayed has to be known elsewhere.
    let spec = bus::StreamSpec::new(model::Name::new("posts").unwrap(), 4);
    setup.bus.provision(&bus::StreamSpec { dedupe_window: Duration::ZERO, ..spec }).await.unwrap();
    let (mut node, mut sink) = start_with(setup, "", "reject").await;
    node.post(vec![message(1, "k", "poison")]).await;
    let (sequence, _) = dead_letter(&node).await;
    node.put("bundles/a.wasm", &bundle("a", "1.0.1", "mark"));
    node.receipt(Verdict::Live).await;
    let letters = node.center.dead_letters();
    let first = letters.replay(sequence).await.unwrap();
    let again = letters.replay(sequence).await.unwrap();
    assert_eq!((first.already, again.already, again.replayed), (false, true, first.replayed));
    assert_eq!(letters.show(sequence).await.unwrap().replayed, Some(first.replayed));
    let arrived = sink.take(1).await.remove(0);
    assert_eq!(arrived.body, "poison|b@1.0.0|a@1.0.1");
    assert_eq!(arrived.headers.get(mpc::REPLAY_HEADER), None);
    node.center.drain().await;
    assert!(sink.rest().is_empty());
    assert!(matches!(letters.show(99).await, Err(mpc::Error::NoDeadLetter { number: 99 })));
}

#[tokio::test]
async fn term_is_an_end_and_emissions_reach_their_outputs() {
    let setup = Setup::new().await.with(&[
        ("bundles/a.wasm", &bundle("a", "1.0.0", "emit:audit emit:audit term")),
        (
            "chains/feed.toml",
            &chain(
                "",
                &[
                    "[outputs.audit]\nstream = \"trail\"\n".into(),
                    step("a", "a@^1", "grants = [\"output:audit\"]"),
                ],
            ),
        ),
    ]);
    let mut node = setup.start().await;
    let (mut out, mut trail) = (node.sink("out").await, node.sink("trail").await);
    node.post(vec![message(1, "k", "term"), message(2, "k", "x")]).await;
    assert_eq!(out.take(1).await[0].body, "x");
    let noted = trail.take(4).await;
    let ids: std::collections::HashSet<_> = noted.iter().map(|m| &m.id).collect();
    assert_eq!(ids.len(), 4, "each has an id of its own");
    assert!(noted.iter().all(|m| m.kind == "noted" && m.headers.get(mpc::TRACE_HEADER) == Some("a@1.0.0")));
    node.put("bundles/a.wasm", &bundle("a", "1.0.1", "mark"));
    let tally = node.receipt(Verdict::Live).await.messages.unwrap();
    assert_eq!((tally.taken, tally.out, tally.term, tally.dead), (2, 1, 1, 0));
}

#[tokio::test]
async fn skip_goes_on_without_an_advisory_step() {
    let setup = Setup::new().await.with(&[
        ("bundles/a.wasm", &bundle("a", "1.0.0", "trap")),
        (
            "chains/feed.toml",
            &chain("on_failure = \"skip\"\nattempts_max = 2", &[step("a", "a@^1", "advisory = true")]),
        ),
    ]);
    let node = setup.start().await;
    let mut sink = node.sink("out").await;
    node.post(vec![message(1, "k", "poison")]).await;
    assert_eq!(sink.take(1).await[0].body, "poison");
    node.center.drain().await;
}

#[tokio::test]
async fn halt_stops_the_partition_with_its_reason_until_the_chain_changes() {
    let (mut node, mut sink) = start("on_failure = \"halt\"\nattempts_max = 2", "trap").await;
    node.post(vec![message(1, "k", "x"), message(2, "k", "poison"), message(3, "k", "x")]).await;
    assert_eq!(sink.take(1).await[0].body, "x|b@1.0.0");
    let halted = halted(&node).await;
    assert!(halted.contains("message 2") && halted.contains("the guest trapped"), "{halted}");
    node.put("bundles/a.wasm", &bundle("a", "1.0.1", "mark"));
    node.receipt(Verdict::Live).await;
    let bodies: Vec<_> = sink.take(2).await.into_iter().map(|m| m.body).collect();
    assert_eq!(bodies, ["poison|b@1.0.0|a@1.0.1", "x|b@1.0.0|a@1.0.1"]);
    assert!(node.center.chains()[0].lanes.iter().all(|lane| lane.halted.is_none()));
}

/// Why a lane of the chain halted, once it has.
async fn halted(node: &Node) -> String {
    found("a lane halts", async || {
        let lanes = node.center.chains().remove(0).lanes;
        lanes.into_iter().find_map(|lane| lane.halted)
    })
    .await
}

#[tokio::test]
async fn retry_goes_on_for_ever_and_begins_again_under_the_newest_generation() {
    let mut setup = Setup::new().await;
    setup.options.retry.max = Duration::from_millis(1);
    let (mut node, mut sink) = start_with(setup, "on_failure = \"retry\"\nattempts_max = 2", "retry").await;
    node.post(vec![message(1, "k", "poison"), message(2, "k", "x"), message(3, "other", "x")]).await;
    assert_eq!(sink.take(1).await[0].key, "other");
    node.put("bundles/a.wasm", &bundle("a", "1.0.1", "mark"));
    let receipt = node.receipt(Verdict::Live).await;
    let tally = receipt.messages.unwrap();
    assert!(receipt.drained && tally.balances() && tally.returned > 0, "{tally:?}");
    let bodies: Vec<_> = sink.take(2).await.into_iter().map(|m| m.body).collect();
    assert_eq!(
        bodies,
        ["poison|b@1.0.0|a@1.0.1", "x|b@1.0.0"],
        "the one behind it never failed: it keeps its plan"
    );
}

#[tokio::test]
async fn a_full_lot_holds_back_new_messages_and_loses_none() {
    let mut setup = Setup::new().await;
    setup.options.held_max = 8;
    setup.options.batch_max = 4;
    let (node, mut sink) = start_with(setup, "", "heal:5").await;
    let posts = (0..200).map(|n| message(n, &format!("k{n}"), if n % 2 == 0 { "poison" } else { "x" }));
    node.post(posts.collect()).await;
    assert_eq!(sink.take(200).await.len(), 200);
    node.center.drain().await;
    assert!(sink.rest().is_empty());
    for partition in 0..4 {
        let lag = node.bus.subscribe("posts", partition, "feed", 1).await.unwrap().lag().await.unwrap();
        assert_eq!(lag, 0);
    }
}

#[tokio::test]
async fn a_lot_full_of_bytes_holds_back_new_messages_and_loses_none() {
    let mut setup = Setup::new().await;
    setup.options.held_bytes_max = 1_000;
    setup.options.batch_max = 1;
    // Long enough for the lot to fill, were it not bounded.
    setup.options.retry = mpc::Backoff { first: Duration::from_millis(200), max: Duration::from_millis(200) };
    let (node, mut sink) = start_with(setup, "", "heal:2").await;
    let body = format!("poison {}", "x".repeat(600));
    let keys: Vec<String> =
        (0..).map(|n| format!("k{n}")).filter(|key| bus::partition_of(key, 4) == 0).take(8).collect();
    let posts = keys.iter().enumerate().map(|(n, key)| message(n, key, &body));
    node.post(posts.collect()).await;
    let mut arrived = 0;
    let mut parked = 0;
    until("all arrive", async || {
        arrived += sink.rest().len();
        parked = parked.max(node.center.chains()[0].lanes[0].parked);
        arrived == 8
    })
    .await;
    assert!(parked <= 2, "{parked} wait, and two fill it");
}

#[tokio::test]
async fn a_damaged_message_is_shown_by_its_lane_and_holds_up_no_other() {
    let store = Arc::new(Memory::new(bus::TABLES));
    let mut setup = Setup::new().await;
    setup.bus = forgetful_bus(&store).await;
    let other =
        (0..).map(|n| format!("k{n}")).find(|key| bus::partition_of(key, 4) != bus::partition_of("k", 4));
    let bodies = [("k", "fine"), ("k", "to be damaged"), (&*other.unwrap(), "fine too")];
    post(&*setup.bus, bodies.iter().enumerate().map(|(n, (key, body))| message(n, key, body)).collect())
        .await;
    damage(&store, "to be damaged");
    let (node, mut sink) = start_with(setup, "", "mark").await;
    assert_eq!(sink.take(2).await.len(), 2);
    let partition = bus::partition_of("k", 4);
    let failing = found("the lane fails", async || node.failing(partition)).await;
    let expected = format!("message 2 in partition {partition} of `posts` is damaged: check the disk");
    assert!(failing.contains(&expected), "{failing}");
}

#[tokio::test]
async fn what_is_no_dead_letter_does_not_hide_those_behind_it() {
    let (node, _sink) = start("", "reject").await;
    for n in 0..3 {
        node.bus.publish(mpc::DEAD_LETTERS, 0, vec![message(100 + n, "k", "stray")]).await.unwrap();
    }
    let mut letters = node.bus.subscribe(mpc::DEAD_LETTERS, 0, "test", 10).await.unwrap();
    node.post(vec![message(1, "k", "poison")]).await;
    while letters.fetch(10).await.unwrap().iter().all(|delivery| delivery.stored.sequence < 4) {}
    let letters = node.center.dead_letters();
    let listed = letters.list(1, 1).await.unwrap();
    assert_eq!(listed.iter().map(|listed| listed.number).collect::<Vec<_>>(), [4]);
    assert!(matches!(letters.show(1).await, Err(mpc::Error::Malformed { .. })));
}

#[tokio::test]
async fn a_damaged_dead_letter_is_named_and_hides_no_other() {
    let store = Arc::new(Memory::new(bus::TABLES));
    let mut setup = Setup::new().await;
    setup.bus = forgetful_bus(&store).await;
    let (node, _sink) = start_with(setup, "", "reject").await;
    node.post((1..=3).map(|n| message(n, "k", &format!("poison {n}"))).collect()).await;
    let letters = node.center.dead_letters();
    node.sink(mpc::DEAD_LETTERS).await.take(3).await;
    damage(&store, "m-2");
    let listed = letters.list(1, 10).await.unwrap();
    let bodies: Vec<_> = listed.iter().map(|listed| listed.letter.clone().whole()).collect();
    let bodies: Vec<_> =
        bodies.iter().map(|letter| letter.as_ref().map(|l| l.message().unwrap().body)).collect();
    assert_eq!(bodies, [Some("poison 1".into()), None, Some("poison 3".into())]);
    let shown = letters.show(2).await.unwrap();
    let Kept::Damaged { damaged } = &shown.letter else { panic!("{shown:?}") };
    assert!(damaged.contains("message 2 in partition 0 of `dead-letters` is damaged"), "{damaged}");
    assert_eq!(serde_json::to_value(&shown).unwrap(), serde_json::json!({"number": 2, "damaged": damaged}));
    assert!(matches!(letters.replay(2).await, Err(mpc::Error::DamagedLetter { number: 2, .. })));
    assert_eq!(letters.purge(mpc::dead::Purge::Numbers(vec![2])).await.unwrap().letters, 1);
    assert_eq!(letters.list(1, 10).await.unwrap().len(), 2);
}
