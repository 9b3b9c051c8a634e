//! The tiers as seven processes over a real server: processes are killed, the server is killed, wires are cut, and the
//! count from outside has to come out all the same.

use std::{sync::Arc, time::Duration};

use testkit::{
    fleet::{Fleet, Plan, SEVEN},
    load::Load,
    nats,
    network::Network,
    oracle::{Oracle, Report},
    posts::{Mix, Posts},
    proxy::Proxy,
};

use super::scene::{Scene, follow, judge, shown};
use crate::support::{CATENA, alone, rounds};

const CHAIN: &str = include_str!("../../../../../chains/feed.toml");

/// Posts per second: little, since eight processes share the machine with the one that judges them.
const RATE: u32 = 200;
/// Rounds in the ordinary run; each takes seconds, so they are fewer than elsewhere.
const ROUNDS: u64 = 4;
/// A shorter life than the default, so that a round does not take half a minute.
const LEASE_MS: u32 = 1_500;

/// What happens to the tiers while posts flow.
struct World {
    scene: Scene,
    server: nats::Server,
    fleet: Fleet,
    load: Load,
    oracle: Arc<Oracle>,
    network: Network,
}

impl World {
    /// Seven processes and their server; `through` stands between them where a wire is to be cut.
    async fn new(server: nats::Server, through: Option<&Proxy>) -> Self {
        let scene = Scene::new(CHAIN, &[]);
        let network = Network::power_law(5, 60, 4);
        let plan = Plan {
            catena: CATENA.into(),
            folder: scene.folder().to_owned(),
            nats: through.map_or_else(|| server.url(), Proxy::url),
            partitions: 4,
            first_users: vec![0, 15, 30, 45],
            environment: vec![
                ("CATENA_NATS_LEASE_MS".to_owned(), LEASE_MS.to_string()),
                ("CATENA_NATS_MONITORING".to_owned(), format!("[{:?}]", server.monitor_url())),
            ],
        };
        let fleet = Fleet::start(plan, SEVEN).await.unwrap();
        let client = fleet.client().unwrap();
        follow(&client, &network).await;
        let oracle = Arc::new(Oracle::new());
        let posts = Posts::new(5, network.users, Mix::CLEAN).take(200_000).collect();
        let load = Load::start(client, Arc::clone(&oracle), posts, 12, Some(RATE));
        Self { scene, server, fleet, load, oracle, network }
    }

    /// Waits until `posts` more were answered for.
    async fn flow(&self, posts: u64) {
        let due = self.load.answered() + posts;
        let flows = async {
            while self.load.answered() < due {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), flows).await.expect("posts are accepted again");
    }

    /// Ends the load, and says what arrived.
    async fn judged(self) -> Report {
        let went = self.load.stop().await;
        let client = self.fleet.client().unwrap();
        let report = judge(&client, &self.oracle, &self.network).await;
        println!("{} posts; {report}", went.answered);
        self.fleet.shutdown().await.unwrap();
        drop((self.scene, self.server));
        report
    }
}

fn rounds_here() -> u64 {
    if std::env::var_os("CATENA_ROUNDS").is_some() { rounds() } else { ROUNDS }
}

async fn server(test: &str) -> Option<nats::Server> {
    if nats::server_path().is_none() {
        nats::skip(test);
        return None;
    }
    Some(nats::Server::start(nats::Setup::default()).await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_processes_of_every_tier_loses_and_doubles_nothing() {
    let _alone = alone().await;
    let Some(server) = server("killing_processes_of_every_tier_loses_and_doubles_nothing").await else {
        return;
    };
    let mut world = World::new(server, None).await;
    let victims = ["distributor-1", "inbox-1", "forwarder-1", "gateway-1", "distributor-2", "inbox-2"];
    for round in 0..rounds_here() {
        let victim = victims[usize::try_from(round).unwrap() % victims.len()];
        world.flow(60).await;
        world.fleet.kill(victim).await.unwrap();
        if !victim.starts_with("gateway") && !victim.starts_with("distributor-1") {
            world.load.point_to(world.fleet.client().unwrap());
        }
        world.flow(60).await;
        world.fleet.revive(victim).await.unwrap();
        world.load.point_to(world.fleet.client().unwrap());
    }
    world.flow(60).await;
    let report = world.judged().await;
    assert!(report.clean() && report.accepted > 100, "{}", shown(&report));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_the_server_loses_and_doubles_nothing() {
    let _alone = alone().await;
    let Some(server) = server("killing_the_server_loses_and_doubles_nothing").await else { return };
    let mut world = World::new(server, None).await;
    for _ in 0..rounds_here() {
        world.flow(60).await;
        world.server.kill().await.unwrap();
        world.server.restart().await.unwrap();
        world.flow(60).await;
    }
    let report = world.judged().await;
    assert!(report.clean() && report.accepted > 100, "{}", shown(&report));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cutting_the_wires_loses_and_doubles_nothing() {
    let _alone = alone().await;
    let Some(server) = server("cutting_the_wires_loses_and_doubles_nothing").await else { return };
    let proxy = Proxy::before(server.address()).await.unwrap();
    let world = World::new(server, Some(&proxy)).await;
    for round in 0..rounds_here() {
        world.flow(60).await;
        // Longer than a lease, in turn by closing connections and by swallowing what is sent.
        if round % 2 == 0 {
            proxy.cut()
        } else {
            proxy.stall()
        }
        tokio::time::sleep(Duration::from_millis(u64::from(LEASE_MS) + 500)).await;
        proxy.heal();
        world.flow(60).await;
    }
    let report = world.judged().await;
    assert!(report.clean() && report.accepted > 100, "{}", shown(&report));
}
