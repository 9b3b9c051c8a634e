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
        &format!("{{\"actor\":\"42\",\"text\":\"二つ目\"}}\n{{\n{{}}\n{long}\n"),
    );
    assert_eq!((ran.code, ran.stdout.lines().count()), (Some(1), 2), "{ran:?}");
    let said: Vec<_> = ran.stderr.lines().collect();
    assert!(said[0].starts_with("stdin:2: not JSON: "), "{said:?}");
    assert!(said[1].starts_with("stdin:3: ") && said[1].contains("/actor"), "{said:?}");
    assert_eq!(said[2], "2 accepted, 2 refused: mend the lines named above and send them alone");
    // What no line behind it can mend.
    let endless = format!("{long}\n{}\n", "x".repeat(5 << 20));
    let ran = catena_reading(&["send", "--to", &url], &endless);
    assert_eq!((ran.code, ran.stdout.lines().count()), (Some(1), 1), "{ran:?}");
    let said = "error: stopped after 1 accepted and 0 refused; mend the next line and send the file from it on: stdin:2: ";
    assert!(ran.stderr.starts_with(said), "{}", ran.stderr);
    let message = r#"{"kind":"note","key":"1","body":{"text":"no author"}}"#;
    let ran = catena_reading(&["send", "--stream", "posts", "--data", &data], &format!("{message}\n{{}}\n"));
    assert_eq!((ran.code, ran.stdout.lines().count()), (Some(1), 1), "{ran:?}");
    assert!(
        ran.stderr.contains("stdin:2: ") && ran.stderr.contains("1 accepted, 1 refused: "),
        "{}",
        ran.stderr
    );
    let ran = catena_reading(&["send", "--to", "127.0.0.1:1"], "{}\n");
    let said = "error: stopped after 0 accepted and 0 refused; send the file from stdin:1 on: no answer to ";
    assert!(ran.code == Some(1) && ran.stderr.starts_with(said), "{}", ran.stderr);

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
        list.contains("/text").then_some(list)
    });
    let list = list.await.unwrap();
    let long_one = list.lines().find(|line| line.contains("/text")).unwrap().split(' ').next().unwrap();
    assert!(good(catena(["dlq", "show", long_one, "--data", &data])).contains("long long"));
    wait::until("all three dead letters", Duration::from_secs(20), async || {
        let ran = catena(["dlq", "list", "--limit", "3", "--data", &data]);
        (ran.stdout.lines().count() == 4)
            .then(|| assert_eq!(ran.stderr, "", "there are no more than are shown"))
    })
    .await
    .unwrap();
    let ran = catena(["dlq", "list", "--limit", "2", "--data", &data]);
    assert_eq!(ran.stderr, "there are more than the 2 shown: go on with `--from 3`\n");
    assert!(!ran.stdout.contains('…'), "cut where there is no terminal: {}", ran.stdout);
    assert_eq!(catena(["dlq", "show", "99", "--data", &data]).code, Some(1));
    assert!(good(catena(["dlq", "purge", "1", "--data", &data])).contains("1 purged, never replayed"));
    assert_eq!(catena(["dlq", "purge", "1", "--data", &data]).code, Some(1), "it is gone");
    assert!(good(catena(["dlq", "purge", "--all", "--yes", "--data", &data])).contains("2 purged"));

    let status = good(catena(["status", "--data", &data]));
    assert!(status.starts_with("node is ready: ") && !status.contains('!'), "{status}");
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
async fn what_is_wrong_is_shown_while_it_is_and_tests_are_known_by_their_lines() {
    let _alone = alone().await;
    let folder = tempfile::tempdir().unwrap();
    let node = node(folder.path()).await;
    let data = folder.path().join("data").display().to_string();
    let shows = async |what: &'static str, is_so: &dyn Fn(&str) -> bool, arguments: &[&str]| {
        let shown = wait::until(what, Duration::from_secs(20), async || {
            let shown = good(catena(arguments.iter().chain(&["--data", &data])));
            is_so(&shown).then_some(shown)
        });
        shown.await.unwrap()
    };

    let (chains, away) = (folder.path().join("chains"), folder.path().join("away"));
    std::fs::rename(&chains, &away).unwrap();
    let trouble = format!("! A folder is away: failed to read the folder `{}`: ", chains.display());
    shows("the folder is missed", &|shown| shown.contains(&trouble), &["status"]).await;
    let metrics = node.client().unwrap().metrics().await.unwrap();
    assert!(metrics.lines().any(|line| line == "catena_folders_away 1"), "{metrics}");
    std::fs::rename(&away, &chains).unwrap();
    shows("the folder is back", &|shown| !shown.contains('!'), &["status"]).await;

    let text = std::fs::read_to_string(chains.join("feed.toml")).unwrap();
    let (good_id, bad_id) = ("id = \"feed\"", "id = \"second\"");
    let failing = text.replace(good_id, bad_id).replace("reason = \"duplicate\"", "reason = \"twice\"");
    let second = chains.join("second.toml");
    std::fs::write(&second, &failing).unwrap();
    let line =
        1 + failing.lines().position(|line| line.starts_with("name = \"the same words again")).unwrap();
    let place = format!("   {}:{line}:8: test `the same words again", second.display());
    shows("the test's line", &|shown| shown.contains(&place), &["receipts", "--limit", "1"]).await;
    let shown = shows("the refused chain", &|_| true, &["chain", "status", "second"]).await;
    assert!(
        shown.starts_with(&format!("second does not run: {}\n\nThe file as it is now", second.display())),
        "{shown}"
    );
    std::fs::write(&second, failing.replace("twice", "duplicate").replace("\"inbox\"", "\"inbxo\"")).unwrap();
    let warned =
        shows("the warning", &|shown| shown.contains("warning"), &["receipts", "--limit", "1"]).await;
    assert!(warned.contains("second.toml:7:10: ") && warned.contains("did you mean `inbox`?"), "{warned}");
    let (_, setup) = node.stop().await.unwrap();
    let log = std::fs::read_to_string(setup.log()).unwrap();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("the same words again")).collect();
    assert!(
        !lines.is_empty() && lines.iter().all(|line| line.starts_with("20")),
        "a line of the log is a line: {log}"
    );
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
