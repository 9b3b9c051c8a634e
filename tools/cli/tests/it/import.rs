//! Files into a running node: all of it, once, whatever happens on the way.

use std::{path::Path, time::Duration};

use testkit::{
    bundles, data,
    network::Network,
    process::{NodeProcess, Setup},
    wait,
};

use crate::support::{CATENA, alone, command, install, run};

async fn node(folder: &Path) -> NodeProcess {
    bundles::copy(&bundles::samples().unwrap(), &folder.join("bundles")).unwrap();
    install(&bundles::root().join("chains/feed.toml"), &folder.join("chains"));
    NodeProcess::start(Setup::under(folder, CATENA.into())).await.unwrap()
}

/// Everybody follows exactly whom the file says.
async fn followed(node: &NodeProcess, network: &Network, users: impl Iterator<Item = u64>) {
    let client = node.client().unwrap();
    for user in users {
        let own = network.follows.iter().filter(|(follower, _)| *follower == user);
        let mut wanted: Vec<u64> = own.map(|(_, author)| *author).collect();
        wanted.sort_unstable();
        wait::until(&format!("the follows of {user}"), Duration::from_secs(30), async || {
            (client.following(user).await.unwrap() == wanted).then_some(())
        })
        .await
        .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn follows_and_posts_are_imported_and_a_second_time_changes_nothing() {
    let _alone = alone().await;
    let folder = tempfile::tempdir().unwrap();
    let node = node(folder.path()).await;
    let client = node.client().unwrap();
    let network = Network::power_law(11, 50, 4);
    let edges = folder.path().join("edges.txt");
    let text: String = network.follows.iter().map(|(user, author)| format!("{user}\t{author}\n")).collect();
    std::fs::write(&edges, format!("# follower author\n{text}not an edge\n")).unwrap();
    let posts = folder.path().join("posts.ndjson");
    let lines = (0..200).map(|n| {
        let author = n % 50 + 1;
        format!(
            "{{\"user\":{{\"id\":{author},\"name\":\"N{author}\"}},\"body\":{{\"t\":\"post {n} 日本\"}}}}\n"
        )
    });
    std::fs::write(&posts, lines.collect::<String>()).unwrap();
    let state = folder.path().join("state.json");
    let import = |arguments: &[&str], file: &Path| {
        let mut command = command();
        command.arg("import").args(arguments).arg(file).args([
            "--to",
            client.url(),
            "--output",
            "json",
            "--state",
        ]);
        run(command.arg(&state), "")
    };

    let ran = import(&["follows"], &edges);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains(&format!("line {}", network.follows.len() + 2)), "{}", ran.stderr);
    let accepted = format!("\"accepted\":{}", network.follows.len());
    assert!(ran.stdout.contains(&accepted) && ran.stdout.contains("\"refused\":1"), "{}", ran.stdout);
    followed(&node, &network, 1..=50).await;

    let fields =
        ["posts", "--author-field", "user.id", "--text-field", "/body/t", "--name-field", "user.name"];
    for _ in 0..2 {
        let ran = import(&fields, &posts);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(ran.stdout.contains("\"accepted\":200"), "{}", ran.stdout);
    }
    wait::until("all posts arrive", Duration::from_secs(30), async || {
        let outbox = client.whole_outbox(7).await.unwrap();
        (outbox.len() >= 4).then_some(outbox)
    })
    .await
    .map(|outbox| {
        let texts: Vec<_> = outbox.iter().rev().map(|item| item["text"].as_str().unwrap()).collect();
        assert_eq!(texts, ["post 6 日本", "post 56 日本", "post 106 日本", "post 156 日本"]);
        assert_eq!(outbox[0]["name"], "N7");
    })
    .unwrap();
    node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_is_broken_off_goes_on_where_it_stopped() {
    let _alone = alone().await;
    let folder = tempfile::tempdir().unwrap();
    let node = node(folder.path()).await;
    let client = node.client().unwrap();
    let posts = folder.path().join("posts.ndjson");
    let line = |n: u32| format!("{{\"actor\":\"{}\",\"text\":\"post {n}\"}}\n", n % 20 + 1);
    std::fs::write(&posts, (0..20_000).map(line).collect::<String>()).unwrap();
    let state = folder.path().join("state.json");
    let import = || {
        let mut command = tokio::process::Command::from(command());
        command.args(["import", "posts"]).arg(&posts).args(["--to", client.url(), "--state"]).arg(&state);
        command.kill_on_drop(true);
        command
    };
    let mut first = import().spawn().unwrap();
    wait::until("the import is on its way", Duration::from_secs(30), async || {
        let note: serde_json::Value = serde_json::from_slice(&std::fs::read(&state).ok()?).ok()?;
        (note["offset"].as_u64()? > 20_000).then_some(())
    })
    .await
    .unwrap();
    first.kill().await.unwrap();
    let second = import().output().await.unwrap();
    assert!(second.status.success(), "{second:?}");
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(said.contains("going on at byte"), "{said}");
    assert!(!state.exists(), "a finished import leaves no note");
    for author in 1..=20 {
        let outbox = wait::until("all posts of an author", Duration::from_secs(60), async || {
            let outbox = client.whole_outbox(author).await.unwrap();
            (outbox.len() >= 1000).then_some(outbox)
        });
        let texts: Vec<_> =
            outbox.await.unwrap().iter().rev().map(|i| i["text"].as_str().unwrap().to_owned()).collect();
        let wanted: Vec<_> =
            (0..20_000_u64).filter(|n| n % 20 + 1 == author).map(|n| format!("post {n}")).collect();
        assert_eq!(texts, wanted, "author {author}");
    }
    node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_follows_and_posts_are_imported() {
    let Some(real) = data::folder() else {
        println!("skipped: there is no folder of real data beside the repository");
        return;
    };
    let _alone = alone().await;
    let folder = tempfile::tempdir().unwrap();
    let node = node(folder.path()).await;
    let url = node.client().unwrap().url().to_owned();
    let state = folder.path().join("state.json");
    let import = |arguments: &[&str], file: &str| {
        let mut command = command();
        command
            .arg("import")
            .args(arguments)
            .arg(real.join(file))
            .args(["--to", &url, "--state"])
            .arg(&state);
        let ran = run(&mut command, "");
        assert_eq!(ran.code, Some(0), "{ran:?}");
        ran.stdout
    };
    let said = import(&["follows", "--undirected"], "ego-facebook.txt");
    assert!(said.contains("88234 lines read, 176468 accepted, 0 refused"), "{said}");
    let network = data::follows(&real.join("ego-facebook.txt"), true).unwrap();
    followed(&node, &network, [0, 107, 1684, 4038].into_iter()).await;
    let said = import(&["posts", "--author-field", "user.id", "--text-field", "text"], "tweets.ndjson");
    assert!(said.contains("100 lines read, 100 accepted, 0 refused"), "{said}");
    node.stop().await.unwrap();
}
