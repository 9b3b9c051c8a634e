//! Guests that spin, trap, eat memory, recurse and flood cost their own messages and no other.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use serde_json::Value;
use testkit::{
    client::Sent,
    load::Load,
    network::Network,
    oracle::Oracle,
    posts::{Fate, Mix, Post, Posts},
    save::{Style, save},
    wait,
};

use super::scene::{Scene, follow, is_live, judge, newest, receipt, shown};
use crate::support::{Ran, alone, catena};

/// Guest, the text that sets it off, its deadline in ms, the error's code, and a word its sentence must hold. Only the
/// guest that never ends is meant to meet its deadline: on a busy machine the others may need a while to get where
/// they fail.
const GUESTS: &[(&str, &str, u32, &str, &str)] = &[
    ("trap", "boom", 5_000, "trap", "boom"),
    ("spin", "spin", 20, "deadline", "ms"),
    ("hog", "hog", 5_000, "memory", "memory"),
    ("recurse", "recurse", 5_000, "stack", "stack"),
];

fn chain(guest: &str, deadline_ms: u32) -> String {
    format!(
        "[chain]\nid = \"feed\"\ninput = \"posts\"\noutput = \"inbox\"\nattempts_max = 2\n\n[outputs.quarantine]\n\n\
         [[step]]\nid = \"normalize\"\nuses = \"normalize@^1\"\n\n\
         [[step]]\nid = \"guest\"\nuses = \"{guest}@^1\"\nlimits = {{ deadline_ms = {deadline_ms}, memory_mb = 8 }}\n"
    )
}

fn answered(ran: &Ran) -> Vec<Value> {
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_guest_costs_only_its_own_messages_and_they_can_be_replayed() {
    let _alone = alone().await;
    for (guest, trigger, deadline_ms, code, word) in GUESTS {
        let network = Network::power_law(9, 30, 3);
        let scene = Scene::new(&chain(guest, *deadline_ms), &[guest]);
        let node = scene.start().await;
        let client = node.client().unwrap();
        follow(&client, &network).await;
        let oracle = Arc::new(Oracle::new());
        // The ordinary posts of everybody, and in between three that set the guest off.
        let load = Load::start(
            client.clone(),
            Arc::clone(&oracle),
            Posts::new(9, network.users, Mix::CLEAN).take(600).collect(),
            8,
            Some(400),
        );
        let mut bad = Vec::new();
        for n in 0..3 {
            let post = Post::new(100_000 + n, 1 + n, (*trigger).to_owned(), Fate::Any);
            oracle.attempted(&post);
            let Sent::Accepted(id) = client.post(&post).await else {
                panic!("{guest}: {post:?} was not accepted")
            };
            oracle.accepted(&post, &id);
            bad.push(id);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        load.finish().await;
        let report = judge(&client, &oracle, &network).await;
        assert!(report.lost.is_empty() && report.duplicates.is_empty(), "{guest}: {}", shown(&report));
        assert_eq!(
            (report.accepted, report.delivered, report.dead),
            (603, 600, 3),
            "{guest}: {}",
            shown(&report)
        );

        let letters = answered(&catena(["dlq", "list", "--data", &scene.data(), "--output", "json"]));
        let ids: BTreeSet<&str> = letters.iter().map(|l| l["message"]["id"].as_str().unwrap()).collect();
        assert_eq!(ids, bad.iter().map(String::as_str).collect(), "{guest}");
        for letter in &letters {
            let sentence = letter["error"]["sentence"].as_str().unwrap();
            assert_eq!(
                (&letter["error"]["code"], &letter["attempts"]),
                (&Value::from(*code), &2.into()),
                "{letter:#}"
            );
            assert!(sentence.contains(word), "{guest}: `{sentence}` does not say `{word}`");
            assert_eq!(letter["path"], serde_json::json!(["normalize", "guest"]), "{guest}");
            assert_eq!(letter["bundle"]["name"], *guest);
        }

        // The rule is mended: the guest goes, and what it spoilt is sent again.
        let before = newest(&client).await;
        let mended = chain(guest, *deadline_ms).split("[[step]]\nid = \"guest\"").next().unwrap().to_owned();
        save(Style::RenameOver, &scene.chain(), mended.as_bytes()).unwrap();
        receipt(&client, before, is_live).await;
        let mut replay = vec!["dlq".to_owned(), "replay".to_owned(), "--data".to_owned(), scene.data()];
        replay.extend(letters.iter().map(|letter| letter["number"].to_string()));
        assert_eq!(catena(&replay).code, Some(0));
        assert_eq!(catena(&replay).code, Some(0), "a second replay");
        wait::until("the replayed posts arrive", Duration::from_secs(20), async || {
            let mut there = 0;
            for (author, id) in (1..).zip(&bad) {
                let outbox = client.whole_outbox(author).await.unwrap();
                there += outbox.iter().filter(|item| item["id"] == **id).count();
            }
            (there >= bad.len()).then_some(there)
        })
        .await
        .map(|there| assert_eq!(there, bad.len(), "{guest}: replayed twice"))
        .unwrap();
        node.stop().await.unwrap();
    }
}
