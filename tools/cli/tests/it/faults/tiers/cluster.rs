//! Three servers that replicate: their leaders change, and they are restarted one after the other.

use std::time::Duration;

use testkit::{
    load::Load,
    nats,
    oracle::Report,
    process::{NodeProcess, Setup},
    wait,
};

use super::{
    super::scene::expect_caught,
    world::{HANGS, World, expect_clean, few_rounds, flow},
};
use crate::support::{CATENA, alone};

/// What everything of a deployment is called by JetStream: streams, and buckets.
const PREFIXES: [&str; 2] = ["catena-", "KV_catena-"];
const SOON: Duration = Duration::from_secs(60);

async fn cluster(test: &str) -> Option<nats::Cluster> {
    if nats::server_path().is_none() {
        nats::skip(test);
        return None;
    }
    Some(nats::Cluster::start(3).await.unwrap())
}

/// Seven processes over three servers that nothing has happened to yet.
async fn world(servers: &nats::Cluster, planted: Option<&str>) -> World {
    World::new(servers.urls().join(","), servers.nodes(), planted).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_leaders_lose_and_double_nothing() {
    let _alone = alone().await;
    let Some(mut servers) = cluster("changes_of_leaders_lose_and_double_nothing").await else { return };
    let world = world(&servers, None).await;
    let load = world.load();
    let api = nats::Api::connect(&servers.urls()).await.unwrap();
    // Fewer than elsewhere: three servers sync everything three times, on the cores of all the others. Each round is an
    // election for every stream.
    for _ in 0..few_rounds(5) {
        change_leaders(&api, &load).await;
    }
    for round in 0..few_rounds(3) {
        kill_a_leader(&mut servers, &api, &load, round).await;
    }
    world.arrives().await;
    expect_clean(world, load).await;
}

/// Every stream and every consumer gets another leader, while something is on its way to the old ones.
async fn change_leaders(api: &nats::Api, load: &Load) {
    flow(load).await;
    for prefix in PREFIXES {
        for stream in api.streams(prefix).await.unwrap() {
            api.step_down(&stream).await.unwrap();
        }
    }
    flow(load).await;
}

/// What is lost under a planted bug while leaders change.
async fn change_leaders_under(test: &str, planted: &str) -> Option<Report> {
    let servers = cluster(test).await?;
    let world = world(&servers, Some(planted)).await;
    let load = world.load();
    let api = nats::Api::connect(&servers.urls()).await.unwrap();
    for _ in 0..2 {
        change_leaders(&api, &load).await;
    }
    Some(world.losses(load).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_for_want_of_a_leader_taken_for_success_is_caught() {
    let _alone = alone().await;
    let test = "a_refusal_for_want_of_a_leader_taken_for_success_is_caught";
    let attempt = async || change_leaders_under(test, "ACK_BEFORE_DURABLE").await;
    expect_caught(attempt, |report| !report.lost.is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pull_that_is_not_begun_again_after_a_change_of_leaders_is_caught() {
    let _alone = alone().await;
    let test = "a_pull_that_is_not_begun_again_after_a_change_of_leaders_is_caught";
    let attempt = async || change_leaders_under(test, "TRUST_PULLS").await;
    expect_caught(attempt, |report| !report.lost.is_empty()).await;
}

/// The servers are upgraded under load.
async fn upgrade(servers: &mut nats::Cluster, load: &Load) {
    flow(load).await;
    servers.rolling_restart().await.unwrap();
    flow(load).await;
}

/// The leader of a partition of `posts` hangs, dies, and comes back.
async fn kill_a_leader(servers: &mut nats::Cluster, api: &nats::Api, load: &Load, round: u64) {
    flow(load).await;
    let leader = api.leader(&format!("catena-posts-{}", round % 4)).await.unwrap();
    let server = servers.named(&leader).unwrap();
    server.pause().await.unwrap();
    tokio::time::sleep(HANGS).await;
    server.kill().await.unwrap();
    flow(load).await;
    servers.named(&leader).unwrap().restart().await.unwrap();
    servers.settled().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledgement_before_the_leader_is_caught() {
    let _alone = alone().await;
    let attempt = async || {
        let mut servers = cluster("an_acknowledgement_before_the_leader_is_caught").await?;
        let world = world(&servers, Some("ACK_BEFORE_DURABLE")).await;
        let load = world.load();
        let api = nats::Api::connect(&servers.urls()).await.unwrap();
        for round in 0..2 {
            kill_a_leader(&mut servers, &api, &load, round).await;
        }
        Some(world.losses(load).await)
    };
    expect_caught(attempt, |report| !report.lost.is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_of_the_servers_loses_and_doubles_nothing() {
    let _alone = alone().await;
    let Some(mut servers) = cluster("a_rolling_restart_of_the_servers_loses_and_doubles_nothing").await
    else {
        return;
    };
    let world = world(&servers, None).await;
    let load = world.load();
    // Two, which is six restarts: each waits until a server has caught up.
    for _ in 0..few_rounds(2) {
        upgrade(&mut servers, &load).await;
    }
    world.arrives().await;
    expect_clean(world, load).await;
}

/// The one bug that an upgrade of the servers shows. A pull that is not begun again it does not: a restart cuts the connections,
/// and whoever connects anew begins its pulls anew, bug or not; a change of leaders without a cut shows that one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledgement_before_servers_that_are_upgraded_is_caught() {
    let _alone = alone().await;
    let attempt = async || {
        let test = "an_acknowledgement_before_servers_that_are_upgraded_is_caught";
        let mut servers = cluster(test).await?;
        let world = world(&servers, Some("ACK_BEFORE_DURABLE")).await;
        let load = world.load();
        upgrade(&mut servers, &load).await;
        Some(world.losses(load).await)
    };
    expect_caught(attempt, |report| !report.lost.is_empty()).await;
}

/// A gateway that nothing was made for yet.
fn starting(folder: &tempfile::TempDir, url: String) -> Setup {
    let mut setup = Setup::under(folder.path(), CATENA.into());
    for folder in [&setup.chains, &setup.bundles] {
        std::fs::create_dir(folder).unwrap();
    }
    let told = ["--name", "g1", "--role", "gateway", "--nats", &url];
    setup.arguments = told.into_iter().map(str::to_owned).collect();
    setup
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_waits_for_servers_that_have_no_majority_and_says_so() {
    let _alone = alone().await;
    let test = "a_start_waits_for_servers_that_have_no_majority_and_says_so";
    let Some(servers) = cluster(test).await else { return };
    let [there, others @ ..] = servers.nodes() else { panic!("no servers") };
    for other in others {
        other.pause().await.unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let setup = starting(&folder, there.url());
    let log = setup.log();
    let told = wait::until("the node says what it waits for", SOON, async || {
        let log = std::fs::read_to_string(&log).ok()?;
        log.contains("waiting for the NATS servers to agree who leads it").then_some(())
    });
    let start = NodeProcess::start(setup);
    let gone_on = async {
        told.await.unwrap();
        others.iter().for_each(|other| other.resume().unwrap());
    };
    let (node, ()) = tokio::join!(start, gone_on);
    node.unwrap().stop().await.unwrap();
}
