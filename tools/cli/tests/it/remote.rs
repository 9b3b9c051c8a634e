//! The command against a running node.

use std::time::Duration;

use testkit::{
    bundles,
    process::{NodeProcess, Setup},
    wait,
};

use crate::support::{CATENA, Ran, alone, catena, catena_reading, install, run};

/// A node on the project's own chain, in `folder`.
async fn node(folder: &std::path::Path) -> NodeProcess {
    bundles::copy(&bundles::samples().unwrap(), &folder.join("bundles")).unwrap();
    install(&bundles::root().join("chains/feed.toml"), &folder.join("chains"));
    NodeProcess::start(Setup::under(folder, CATENA.into())).await.unwrap()
}

fn good(ran: Ran) -> String {
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran.stdout
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn posts_are_sent_and_seen_and_what_was_refused_is_replayed() {
    let _alone = alone().await;
    let folder = tempfile::tempdir().unwrap();
    let node = node(folder.path()).await;
    let client = node.client().unwrap();
    let (url, data) = (client.url().to_owned(), folder.path().join("data").display().to_string());
    client.follow(7, 42).await.unwrap();

    let one = ["send", "--actor", "42", "--text", "Grüße  aus #Köln", "--key", "once", "--to", &url];
    let first = good(catena(one));
    assert_eq!(first, good(catena(one)), "one key, two posts");
    let long = format!(r#"{{"actor":"42","text":"{}"}}"#, "long ".repeat(1000));
    let ran = catena_reading(
        &["send", "--to", &url],
        &format!("{{\"actor\":\"42\",\"text\":\"二つ目\"}}\n{long}\n{{}}\n"),
    );
    assert_eq!((ran.code, ran.stdout.lines().count()), (Some(1), 2), "{ran:?}");
    assert!(ran.stderr.contains("stdin:3") && ran.stderr.contains("/actor"), "{}", ran.stderr);

    let page = wait::until("both posts arrive", Duration::from_secs(20), async || {
        let page = good(catena(["feed", "7", "--to", &url]));
        (page.contains("二つ目") && page.contains("Grüße aus #Köln")).then_some(page)
    });
    let page = page.await.unwrap();
    assert!(page.contains("user 42") && page.contains('╭'), "{page}");
    let json: serde_json::Value =
        serde_json::from_str(&good(catena(["feed", "7", "--to", &url, "--limit", "1", "--output", "json"])))
            .unwrap();
    let next = json["next"].as_str().unwrap();
    assert_eq!(json["items"].as_array().unwrap().len(), 1);
    assert!(good(catena(["feed", "7", "--to", &url, "--cursor", next])).contains("Grüße"));
    assert_eq!(catena(["feed", "7", "--to", &url, "--cursor", "garbage"]).code, Some(1));

    let list = wait::until("a dead letter", Duration::from_secs(20), async || {
        let list = good(catena(["dlq", "list", "--data", &data]));
        list.contains("validate").then_some(list)
    });
    assert!(list.await.unwrap().contains("/text"));
    assert!(good(catena(["dlq", "show", "1", "--data", &data])).contains("long long"));
    assert_eq!(catena(["dlq", "show", "99", "--data", &data]).code, Some(1));
    assert!(good(catena(["dlq", "purge", "1", "--data", &data])).contains("1 purged, never replayed"));
    assert_eq!(catena(["dlq", "purge", "1", "--data", &data]).code, Some(1), "it is gone");
    assert!(good(catena(["dlq", "purge", "--all", "--yes", "--data", &data])).contains("0 purged"));

    assert!(good(catena(["chain", "list", "--data", &data])).contains("feed"));
    assert!(good(catena(["chain", "status", "feed", "--data", &data])).contains("spam-filter@1.0.0"));
    let ran = catena(["chain", "status", "fed", "--data", &data]);
    assert!(ran.code == Some(1) && ran.stderr.contains("there is feed"), "{ran:?}");
    assert!(good(catena(["receipts", "--data", &data])).contains("generation 1 live"));
    let ran = catena(["receipts", "--data", &data, "--token", "wrong"]);
    assert!(ran.code == Some(1) && ran.stderr.contains("`--token`"), "{ran:?}");
    let (status, _) = node.stop().await.unwrap();
    assert!(status.success(), "{status}");
    let ran = catena(["receipts", "--data", &data]);
    assert!(ran.code == Some(1) && ran.stderr.contains("no node runs on the data folder"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receipts_say_what_a_broken_bundle_left_running_and_that_it_was_mended() {
    let _alone = alone().await;
    let folder = tempfile::tempdir().unwrap();
    let node = node(folder.path()).await;
    let data = folder.path().join("data").display().to_string();
    let bundle = folder.path().join("bundles/spam-filter.wasm");
    let whole = std::fs::read(&bundle).unwrap();
    for (bytes, outcome) in [(&b"junk"[..], "refused, nothing that runs has changed"), (&whole, "unchanged")]
    {
        std::fs::write(folder.path().join("bundles/.new"), bytes).unwrap();
        std::fs::rename(folder.path().join("bundles/.new"), &bundle).unwrap();
        let heading = format!("{}: {outcome}\n", bundle.display());
        let receipts = wait::until(&heading, Duration::from_secs(20), async || {
            let receipts = good(catena(["receipts", "--data", &data, "--limit", "1"]));
            receipts.contains(&heading).then_some(receipts)
        });
        let receipt = receipts.await.unwrap();
        assert!(receipt.contains("   feed: generation 1 runs on\n"), "{receipt}");
        let kept = receipt.contains("   spam-filter@1.0.0, which was there before, stays in use\n");
        assert_eq!(kept, bytes == b"junk", "{receipt}");
    }
    node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_prints_one_line_and_refuses_what_it_cannot_use() {
    let _alone = alone().await;
    let folder = tempfile::tempdir().unwrap();
    let node = node(folder.path()).await;
    assert_ne!(node.addresses().http, node.addresses().admin);
    // A second node on the same data would be two masters.
    let mut second = crate::support::command();
    second.args(["up", "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
    for part in ["data", "chains", "bundles"] {
        second.arg(format!("--{part}")).arg(folder.path().join(part));
    }
    let ran = run(&mut second, "");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{ran:?}");
    assert!(ran.stderr.contains("data"), "{}", ran.stderr);
    node.stop().await.unwrap();
}
