//! Bundles, order, settings and jump targets are swapped while posts flow.

use std::sync::Arc;

use testkit::{
    chain_file::ChainFile,
    load::Load,
    network::Network,
    oracle::{Oracle, Report},
    posts::{Mix, Posts},
    save::{Style, save},
};

use super::scene::{Scene, expect_caught, follow, guest_file, is_live, judge, newest, receipt, shown};
use crate::support::{alone, rounds};

/// The first and the last step leave a stamp of their version and mark: both belong to one generation.
const CHAIN: &str = r#"
[chain]
id = "feed"
input = "posts"
output = "inbox"

[outputs.quarantine]

[[step]]
id = "first"
uses = "stamp@>=1"
settings = { mark = "0" }

[[step]]
id = "validate"
uses = "validate@^1"

[[step]]
id = "normalize"
uses = "normalize@^1"

[[step]]
id = "spam"
uses = "spam-filter@^1"
settings = { threshold = 50, target = "quarantine" }
jumps = ["quarantine", "attic"]

[[step]]
id = "quarantine"
uses = "quarantine@^1"
settings = { output = "quarantine" }
grants = ["output:quarantine"]
only_by_jump = true

[[step]]
id = "attic"
uses = "quarantine@^1"
settings = { output = "quarantine" }
grants = ["output:quarantine"]
only_by_jump = true

[[step]]
id = "enrich"
uses = "enrich@^1"

[[step]]
id = "last"
uses = "stamp@>=1"
settings = { mark = "0" }
"#;

/// Posts per second: near the most that the debug build takes beside its own load generator.
const RATE: u32 = 1500;

/// Swaps so many times under load, and says what the oracle found.
async fn swap(scene: Scene, swaps: u64) -> Report {
    let network = Network::power_law(3, 60, 3);
    let node = scene.start().await;
    let client = node.client().unwrap();
    follow(&client, &network).await;
    let oracle = Arc::new(Oracle::new());
    let posts = Posts::new(3, network.users, Mix { spam: 40, ..Mix::CLEAN });
    // More than can be sent meanwhile: the load ends with the swaps.
    let posts = posts.take(usize::try_from(swaps).unwrap() * 1500 + 20_000).collect();
    let load = Load::start(client.clone(), Arc::clone(&oracle), posts, 24, Some(RATE));
    for round in 1..=swaps {
        let before = newest(&client).await;
        change(&scene, round);
        receipt(&client, before, is_live).await;
        assert!(!load.done(), "the posts did not last");
    }
    let went = load.stop().await;
    println!("{swaps} swaps, {} posts, {:.0} per second", went.answered, went.per_second());
    let report = judge(&client, &oracle, &network).await;
    let (status, _) = node.stop().await.unwrap();
    assert!(status.success(), "{status}");
    report
}

/// Each generation differs from the one before in what the stamps show: in their version, or in their mark.
fn change(scene: &Scene, round: u64) {
    let second = !(round / 4).is_multiple_of(2);
    if round.is_multiple_of(4) {
        let version = if second { "stamp-v2" } else { "stamp" };
        let bytes = std::fs::read(guest_file(version)).unwrap();
        return save(Style::RenameOver, &scene.bundles().join("stamp.wasm"), &bytes).unwrap();
    }
    let mut chain = ChainFile::read(&scene.chain()).unwrap();
    for step in ["first", "last"] {
        chain.set(step, "mark", round.to_string()).unwrap();
    }
    match round % 4 {
        1 => chain.exchange("validate", "normalize").unwrap(),
        2 => chain.set("validate", "text_max", i64::try_from(5000 + round).unwrap()).unwrap(),
        _ => chain.set("spam", "target", if second { "quarantine" } else { "attic" }).unwrap(),
    }
    save(Style::RenameOver, &scene.chain(), chain.text().as_bytes()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn swaps_under_load_lose_double_mix_and_reorder_nothing() {
    let _alone = alone().await;
    let report = swap(Scene::new(CHAIN, &["stamp"]), rounds()).await;
    assert!(report.clean() && report.accepted > 1000, "{}", shown(&report));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_generation_pin_is_caught() {
    let _alone = alone().await;
    let scene = || Scene::new(CHAIN, &["stamp"]).planted("NO_GENERATION_PIN");
    let attempt = async || Some(swap(scene(), rounds().min(40)).await);
    expect_caught(attempt, |report| !report.mixed.is_empty()).await;
}
