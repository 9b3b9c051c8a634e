//! Files that are no bundles, or lie about what they are: each is refused with a sentence, and what runs stays.

use std::sync::Arc;

use serde_json::Value;
use testkit::{
    client::Client,
    load::Load,
    network::Network,
    oracle::Oracle,
    posts::{Mix, Posts},
    save::{Style, save},
};

use super::scene::{Scene, follow, guest_file, judge, newest, receipt, receipts_after, shown};
use crate::support::alone;

const CHAIN: &str = r#"
[chain]
id = "feed"
input = "posts"
output = "inbox"

[outputs.quarantine]

[[step]]
id = "validate"
uses = "validate@^1"

[[step]]
id = "stamp"
uses = "stamp@>=1"
"#;

/// A section that hosts pass over: other bytes, the same code.
const REMARK: &[u8] = b"\0\x08\x06remarkx";

/// File, content, and a part of the sentence it must be refused with.
fn bad() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let bundle = |guest: &str| std::fs::read(guest_file(guest)).unwrap();
    let (one, two) = (bundle("stamp"), bundle("stamp-v2"));
    vec![
        ("garbage.wasm", b"<html>404</html>".to_vec(), "not WebAssembly"),
        ("core.wasm", b"\0asm\x01\0\0\0".to_vec(), "core module"),
        ("half.wasm", two[..two.len() / 2].to_vec(), "ends in the middle"),
        ("other-world.wasm", b"\0asm\x0d\0\x01\0".to_vec(), "exports nothing"),
        ("stamp-9.0.0.wasm", two.clone(), "the bundle says 2.0.0"),
        ("twin.wasm", [&one[..], REMARK].concat(), "with other content"),
        // In the place of what runs.
        ("stamp.wasm", b"\0asm\x01\0\0\0".to_vec(), "core module"),
        ("stamp.wasm", two[..two.len() / 2].to_vec(), "ends in the middle"),
    ]
}

/// The sentence in which `file` is refused, in a receipt or in the list of bundles.
fn refusal(said: &Value, file: &str) -> Option<String> {
    let is =
        |refused: &&Value| refused["path"].as_str().is_some_and(|path| path.ends_with(&format!("/{file}")));
    said["refused"].as_array()?.iter().find(is)?["reason"].as_str().map(str::to_owned)
}

/// The version of `stamp` that runs.
async fn version(client: &Client) -> Value {
    client.manage("/v1/chains/feed").await.unwrap()["steps"][1]["version"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_bundle_is_refused_with_a_sentence_and_what_runs_stays() {
    let _alone = alone().await;
    let network = Network::power_law(13, 30, 3);
    let scene = Scene::new(CHAIN, &["stamp"]);
    let node = scene.start().await;
    let client = node.client().unwrap();
    follow(&client, &network).await;
    let oracle = Arc::new(Oracle::new());
    let posts = Posts::new(13, network.users, Mix::CLEAN).take(20_000).collect();
    let load = Load::start(client.clone(), Arc::clone(&oracle), posts, 8, Some(300));
    let started = newest(&client).await;
    for (file, bytes, part) in bad() {
        let before = newest(&client).await;
        save(Style::RenameOver, &scene.bundles().join(file), &bytes).unwrap();
        let receipts = receipt(&client, before, |r| refusal(r, file).is_some()).await;
        let sentence = refusal(receipts.last().unwrap(), file).unwrap();
        assert!(sentence.contains(part), "{file}: `{sentence}` does not say `{part}`");
        let listed = refusal(&client.manage("/v1/bundles").await.unwrap(), file);
        assert_eq!(listed.as_deref(), Some(&*sentence), "{file} in the list of bundles");
        assert_eq!(version(&client).await, "1.0.0", "after {file}");
    }
    let receipts = receipts_after(&client, started).await;
    assert!(receipts.iter().all(|r| r["verdict"] != "live"), "a bad bundle changed something: {receipts:#?}");

    // What is good is still taken.
    let good = std::fs::read(guest_file("stamp-v2")).unwrap();
    save(Style::RenameOver, &scene.bundles().join("stamp.wasm"), &good).unwrap();
    receipt(&client, started, |r| r["verdict"] == "live" && r["steps"][1]["version"] == "2.0.0").await;
    load.stop().await;
    let report = judge(&client, &oracle, &network).await;
    assert!(report.clean() && report.dead == 0, "{}", shown(&report));
    node.stop().await.unwrap();
}
