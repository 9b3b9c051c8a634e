//! Every way in which editors and deploy tools save a file, of a chain and of a bundle.

use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::{
    chain_file::ChainFile,
    save::{Style, save},
};

use super::scene::{Scene, guest_file, newest, receipt};
use crate::support::alone;

/// A chain as people write them, and long enough to be saved in pieces. What changes stands at its very end, so that
/// who has seen the change has seen all.
const CHAIN: &str = r#"
[chain]
id = "feed"
input = "posts"
output = "inbox"

[[test]]
name = "a post goes through"
input = { key = "1", body = { actor = "1", verb = "note", text = "." } }
expect = { verdict = "output" }

[[step]]
id = "validate"
uses = "validate@^1"
settings = { text_max = 1000 }

[[step]]
id = "stamp"
uses = "stamp@>=1"
settings = { mark = "" }
"#;

/// Nothing half-loaded: no receipt of the change but the last changed anything or refused it.
fn whole(receipts: &[Value], style: Style) {
    let (last, before) = receipts.split_last().unwrap();
    assert_eq!(last["steps"].as_array().map(Vec::len), Some(2), "{style:?} was loaded half: {last:#}");
    for receipt in before {
        let refused = receipt["refused"].as_array().is_some_and(|files| !files.is_empty());
        let changed = receipt["verdict"] == "refused" || receipt["verdict"] == "live";
        assert!(!changed && !refused, "{style:?} was loaded half: {receipt:#}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_saved_in_any_style_goes_live_whole() {
    let _alone = alone().await;
    for (at, style) in (1_u64..).zip(Style::ALL) {
        // A scene each: some styles leave their own way of keeping files behind.
        let scene = Scene::new(CHAIN, &["stamp"]);
        let node = scene.start().await;
        let client = node.client().unwrap();
        for again in 0..2 {
            let before = newest(&client).await;
            let mut chain = ChainFile::parse(CHAIN).unwrap();
            let mark = format!("mark-{at}-{again}");
            chain.set("stamp", "mark", mark.as_str()).unwrap();
            let (path, text) = (scene.chain(), chain.text());
            tokio::task::spawn_blocking(move || save(style, &path, text.as_bytes()).unwrap()).await.unwrap();
            let saved = Instant::now();
            let receipts = receipt(&client, before, |r| {
                r["verdict"] == "live" && r["changes"].to_string().contains(&mark)
            });
            let receipts = receipts.await;
            println!("chain, {style:?}: live {:?} after the last byte", saved.elapsed());
            whole(&receipts, style);
            in_time(saved.elapsed(), style);
        }
        node.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bundle_saved_in_any_style_goes_live_whole() {
    let _alone = alone().await;
    for style in Style::ALL {
        let scene = Scene::new(CHAIN, &["stamp"]);
        let node = scene.start().await;
        let client = node.client().unwrap();
        for (guest, version) in [("stamp-v2", "2.0.0"), ("stamp", "1.0.0")] {
            let before = newest(&client).await;
            let (path, bytes) =
                (scene.bundles().join("stamp.wasm"), std::fs::read(guest_file(guest)).unwrap());
            tokio::task::spawn_blocking(move || save(style, &path, &bytes).unwrap()).await.unwrap();
            let saved = Instant::now();
            let runs = |r: &Value| r["verdict"] == "live" && r["steps"][1]["version"] == version;
            let receipts = receipt(&client, before, runs).await;
            println!("bundle, {style:?}: live {:?} after the last byte", saved.elapsed());
            whole(&receipts, style);
            in_time(saved.elapsed(), style);
        }
        node.stop().await.unwrap();
    }
}

/// The bar is 5 s; a test machine that is busy with other things gets twice that.
fn in_time(took: Duration, style: Style) {
    assert!(took < Duration::from_secs(10), "{style:?} took {took:?}");
}
