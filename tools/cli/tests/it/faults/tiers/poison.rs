//! Posts that a guest dies of, in the middle of ordinary ones, while distributors are killed.

use std::collections::{BTreeMap, BTreeSet};

use testkit::posts::Fate;

use super::{
    super::scene::shown,
    world::{World, flow, server},
};
use crate::support::{alone, rounds};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn poison_becomes_one_dead_letter_that_says_why_and_harms_nobody() {
    let _alone = alone().await;
    let Some(server) = server("poison_becomes_one_dead_letter_that_says_why_and_harms_nobody").await else {
        return;
    };
    let mut world = World::new(server.url(), &[], None).await;
    let load = world.load();
    let mut bad = BTreeSet::new();
    for round in 0..rounds() {
        let client = world.client();
        for post in world.probes("boom", Fate::Rejected) {
            bad.insert(world.send(&client, &post).await);
        }
        flow(&load).await;
        // In the middle of their attempts.
        if round % 10 == 5 {
            world.fleet.kill("distributor-1").await.unwrap();
            world.fleet.revive("distributor-1").await.unwrap();
        }
    }
    load.stop().await;
    let report = world.judge().await;
    assert!(report.clean() && report.accepted > 100, "{}", shown(&report));
    assert_eq!(report.dead, bad.len() as u64, "{}", shown(&report));

    let client = world.client();
    let chain = client.manage("/v1/chains/feed").await.unwrap();
    let trap = chain["steps"].as_array().unwrap().iter().find(|step| step["id"] == "trap").unwrap();
    let mut letters: BTreeMap<String, u32> = BTreeMap::new();
    for letter in client.stream("dead-letters").await.unwrap() {
        *letters.entry(letter["message"]["id"].as_str().unwrap().to_owned()).or_default() += 1;
        assert_eq!(
            (&letter["error"]["code"], &letter["attempts"]),
            (&"trap".into(), &5.into()),
            "{letter:#}"
        );
        assert!(letter["error"]["sentence"].as_str().unwrap().contains("boom"), "{letter:#}");
        assert!(!letter["error"]["backtrace"].as_array().unwrap().is_empty(), "{letter:#}");
        assert_eq!(letter["path"], serde_json::json!(["validate", "spam", "trap"]), "{letter:#}");
        assert!(letter["generation"].as_u64().unwrap() > 0, "{letter:#}");
        let bundle = &letter["bundle"];
        assert_eq!((&bundle["name"], &bundle["digest"]), (&"trap".into(), &trap["digest"]), "{letter:#}");
    }
    assert_eq!(letters, bad.into_iter().map(|id| (id, 1)).collect());
    world.fleet.shutdown().await.unwrap();
}
