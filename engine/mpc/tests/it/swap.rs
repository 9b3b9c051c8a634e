//! Swaps under load, judged from outside: by what arrived, not by what the center says of itself.

use std::collections::{BTreeMap, HashMap};

use model::Message;
use mpc::{Fault, GENERATION_HEADER, Receipt, TRACE_HEADER, receipt::Verdict};

use crate::support::{Node, Setup, bundle, chain, message, step};

const KEYS: usize = 16;
const SWAPS: usize = 20;
const MESSAGES_PER_SWAP: usize = 200;

/// What is wrong with what arrived.
#[derive(Debug, Default, PartialEq, Eq)]
struct Judgement {
    lost: usize,
    duplicate: usize,
    mixed: usize,
    reordered: usize,
    balanced: bool,
}

/// Publishes under `SWAPS` swaps of versions and of the order of steps, and judges what arrives.
async fn swaps_under_load(fault: Option<Fault>) -> Judgement {
    let mut setup = Setup::new().await;
    setup.options.fault = fault;
    setup.options.batch_max = 64;
    let steps = |first: &str, second: &str| {
        let step = |id: &str| step(id, &format!("{id}@^1"), "");
        chain("", &[step(first), step(second), step("last")])
    };
    let setup = setup.with(&[
        ("bundles/a.wasm", &bundle("a", "1.0.0", "slow mark")),
        ("bundles/b.wasm", &bundle("b", "1.0.0", "slow mark")),
        ("bundles/last.wasm", &bundle("last", "1.0.0", "slow mark")),
        ("chains/feed.toml", &steps("a", "b")),
    ]);
    let mut node = setup.start().await;
    let mut sink = node.sink("out").await;
    let mut receipts = node.center.receipts(10);
    let mut arrived = Vec::new();
    for swap in 1..=SWAPS {
        for part in 0..4 {
            let first = (swap - 1) * MESSAGES_PER_SWAP + part * MESSAGES_PER_SWAP / 4;
            let posts = first..first + MESSAGES_PER_SWAP / 4;
            node.post(posts.map(|n| message(n, &format!("k{}", n % KEYS), &format!("{n}"))).collect()).await;
            if part == 1 {
                match swap % 3 {
                    0 => node.put("chains/feed.toml", &steps("b", "a")),
                    1 => node.put("bundles/a.wasm", &bundle("a", &format!("1.0.{swap}"), "slow mark")),
                    _ => {
                        node.put("bundles/b.wasm", &bundle("b", &format!("1.0.{swap}"), "slow mark"));
                        node.put("bundles/last.wasm", &bundle("last", &format!("1.0.{swap}"), "slow mark"));
                        node.put("chains/feed.toml", &steps("a", "b"));
                    }
                }
            }
        }
        receipts.push(node.receipt(Verdict::Live).await);
        arrived.extend(sink.rest());
    }
    let missing = SWAPS * MESSAGES_PER_SWAP - arrived.len().min(SWAPS * MESSAGES_PER_SWAP);
    arrived.extend(sink.take(missing).await);
    node.center.drain().await;
    arrived.extend(sink.rest());
    judge(&arrived, &receipts, &node)
}

fn judge(arrived: &[Message], receipts: &[Receipt], node: &Node) -> Judgement {
    let mut judgement = Judgement { balanced: true, ..Judgement::default() };
    let traces: HashMap<String, String> = receipts
        .iter()
        .map(|receipt| {
            let steps: Vec<_> =
                receipt.steps.iter().map(|step| format!("{}@{}", step.id, step.version)).collect();
            (receipt.generation.unwrap().to_string(), steps.join(","))
        })
        .collect();
    let mut seen: BTreeMap<usize, usize> = BTreeMap::new();
    let mut last: HashMap<&str, usize> = HashMap::new();
    for message in arrived {
        let body = std::str::from_utf8(&message.body).unwrap();
        let (n, marks) = body.split_once('|').unwrap();
        let n: usize = n.parse().unwrap();
        *seen.entry(n).or_default() += 1;
        if last.insert(&message.key, n).is_some_and(|before| before > n) {
            judgement.reordered += 1;
        }
        let generation = message.headers.get(GENERATION_HEADER).unwrap();
        let trace = message.headers.get(TRACE_HEADER).unwrap();
        // What the processors wrote themselves, what the engine noted, and what the generation is made of.
        if marks.replace('|', ",") != *trace || traces.get(generation).map(String::as_str) != Some(trace) {
            judgement.mixed += 1;
        }
    }
    judgement.lost = (0..SWAPS * MESSAGES_PER_SWAP).filter(|n| !seen.contains_key(n)).count();
    judgement.duplicate = seen.values().filter(|times| **times > 1).count();
    for receipt in receipts.iter().filter(|receipt| receipt.replaced.is_some()) {
        judgement.balanced &= receipt.drained && receipt.messages.is_some_and(|tally| tally.balances());
    }
    assert!(node.center.generations().is_empty(), "every generation is gone after the drain");
    judgement
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_message_runs_wholly_in_one_generation() {
    let clean = Judgement { balanced: true, ..Judgement::default() };
    assert_eq!(swaps_under_load(None).await, clean);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_pin_the_judge_sees_mixed_generations() {
    let judgement = swaps_under_load(Some(Fault::NoGenerationPin)).await;
    assert!(judgement.mixed > 0, "the planted bug went unseen: {judgement:?}");
}

#[tokio::test]
async fn a_message_that_waits_for_a_retry_ends_in_the_generation_it_began_in() {
    let mut setup = Setup::new().await;
    setup.options.retry = mpc::Backoff {
        first: std::time::Duration::from_millis(300),
        max: std::time::Duration::from_millis(300),
    };
    let text = |version: &str| bundle("a", version, "heal:2 mark");
    let setup = setup.with(&[
        ("bundles/a.wasm", &text("1.0.0")),
        ("chains/feed.toml", &chain("", &[step("a", "a@^1", "")])),
    ]);
    let mut node = setup.start().await;
    let mut sink = node.sink("out").await;
    node.post(vec![message(1, "k", "poison")]).await;
    node.post(vec![message(2, "other", "good")]).await;
    assert_eq!(sink.take(1).await[0].body, "good|a@1.0.0", "other keys go on");
    node.put("bundles/a.wasm", &text("1.1.0"));
    node.post(vec![message(3, "other", "good")]).await;
    let receipt = node.receipt(Verdict::Live).await;
    assert!(
        receipt.drained && receipt.phases.drain_ms > 0.0,
        "the receipt waited for the retry: {receipt:?}"
    );
    let tally = receipt.messages.unwrap();
    assert!(tally.balances() && tally.out == tally.taken, "{tally:?}");
    let bodies: Vec<_> = sink.take(2).await.into_iter().map(|message| message.body).collect();
    assert!(bodies.contains(&"poison|a@1.0.0".into()), "{bodies:?}");
}
