//! Seven processes, what they run, and a load on them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use serde_json::Value;
use testkit::{
    client::{Client, Sent},
    fleet::{Fleet, Plan, SEVEN},
    load::Load,
    nats,
    network::Network,
    oracle::{Oracle, Report},
    posts::{Fate, Mix, Post, Posts},
    wait,
};

use super::super::scene::{Scene, follow, judge, judge_until, shown};
use crate::support::{CATENA, rounds};

/// What leaves traces that can be told from outside: an output of its own, dead letters, and a number per author that
/// only one owner of the state gives without a mistake. Deadlines are far off: eight processes share the machine.
const CHAIN: &str = r#"
[chain]
id = "feed"
input = "posts"
output = "inbox"
attempts_max = 5

[outputs.quarantine]

[[step]]
id = "validate"
uses = "validate@^1"
settings = { text_max = 100000 }
limits = { deadline_ms = 5000 }

[[step]]
id = "spam"
uses = "spam-filter@^1"
settings = { threshold = 50, target = "quarantine" }
jumps = ["quarantine"]
limits = { deadline_ms = 5000 }

[[step]]
id = "quarantine"
uses = "quarantine@^1"
settings = { output = "quarantine" }
grants = ["output:quarantine"]
only_by_jump = true
limits = { deadline_ms = 5000 }

[[step]]
id = "trap"
uses = "trap@^1"
limits = { deadline_ms = 5000 }

[[step]]
id = "count"
uses = "count@^1"
grants = ["state"]
limits = { deadline_ms = 5000 }
"#;

/// A shorter life than the default, so that a round does not take half a minute.
pub(super) const LEASE: Duration = Duration::from_millis(1500);
/// How long a server hangs before it is killed: what is sent to it meanwhile it never reads.
pub(super) const HANGS: Duration = Duration::from_millis(100);
/// How long messages take each way on a long wire: whoever publishes then nearly always waits for an answer.
pub(super) const LONG: Duration = Duration::from_millis(20);
/// What stood in front of posts that have arrived comes soon after, or never.
const QUIET_BEHIND_PROBES: Duration = Duration::from_secs(4);
/// A lane that two believe to have gets stuck for a few seconds at a time.
const QUIET_AT_MOST: Duration = Duration::from_secs(8);
/// A lane whose pull has ended without a word asks anew after 11 s, and may have to wait for who leads: what is only late is
/// not lost.
const LATE_AT_MOST: Duration = Duration::from_secs(20);
/// Posts between two faults: enough that something is under way in every tier, few enough for many rounds.
pub(super) const SOME: u64 = 20;

/// Both of them.
pub(super) const DISTRIBUTORS: [&str; 2] = ["distributor-1", "distributor-2"];

/// Posts per second: little, since eight processes share the machine with the one that judges them.
const RATE: u32 = 200;
const WRITERS: usize = 12;
const USERS: u64 = 68;
/// The first user of each inbox shard.
const FIRST_USERS: [u64; 4] = [0, 17, 34, 51];
/// A quarter is spam, which shows on an output: nothing there recognises what comes twice.
const MIX: Mix = Mix { spam: 250, ..Mix::CLEAN };
/// Every so many users one is left out of the load, to [probe](World::arrives) with. Two of them are in each shard.
const PROBE_EVERY: u64 = 8;
/// Probes are numbered from here on, far behind the load's posts.
const PROBES_FROM: u64 = 1_000_000_000;
/// Nothing takes longer: a wire away for a while, partitions that change hands, a cluster that elects.
const AT_MOST: Duration = Duration::from_secs(60);

/// The tiers, and what is known about what was sent to them.
pub(super) struct World {
    pub(super) fleet: Fleet,
    pub(super) oracle: Arc<Oracle>,
    network: Network,
    probes: AtomicU64,
    /// A bug is planted, which may take anything.
    planted: bool,
    // Its folder goes when nobody uses it any more.
    _scene: Scene,
}

impl World {
    /// Seven processes over the servers that `urls` lead to, perhaps with a planted bug.
    pub(super) async fn new(urls: String, servers: &[nats::Server], planted: Option<&str>) -> Self {
        let scene = Scene::new(CHAIN, &["trap", "count"]);
        let network = Network::power_law(5, USERS, 4);
        let monitoring: Vec<String> = servers.iter().map(nats::Server::monitor_url).collect();
        let mut environment = vec![
            ("CATENA_NATS_LEASE_MS".to_owned(), LEASE.as_millis().to_string()),
            ("CATENA_NATS_MONITORING".to_owned(), format!("{monitoring:?}")),
            // What lanes stood on when they began, for whoever looks at a world that failed.
            ("CATENA_LOG_FILTER".to_owned(), "info,catena_mpc=debug".to_owned()),
        ];
        environment.extend(planted.map(|bug| (format!("CATENA_PLANTED_{bug}"), "true".to_owned())));
        let plan = Plan {
            catena: CATENA.into(),
            folder: scene.folder().to_owned(),
            nats: urls,
            partitions: 4,
            first_users: FIRST_USERS.to_vec(),
            environment,
        };
        let fleet = Fleet::start(plan, SEVEN).await.unwrap();
        follow(&fleet.client().unwrap(), &network).await;
        Self {
            _scene: scene,
            fleet,
            oracle: Arc::default(),
            network,
            probes: AtomicU64::new(PROBES_FROM),
            planted: planted.is_some(),
        }
    }

    pub(super) fn client(&self) -> Client {
        self.fleet.client().unwrap()
    }

    /// Posts of everybody but those who probe, always the same.
    pub(super) fn posts(&self) -> impl Iterator<Item = Post> + use<> {
        Posts::new(5, USERS, MIX).filter(|post| !is_probe(post.author))
    }

    /// Starts publishing.
    pub(super) fn load(&self) -> Load {
        // More than can be sent meanwhile, at 25 s a round: the load ends with the faults.
        let count = 10_000 + 5_000 * usize::try_from(rounds()).unwrap();
        let posts = self.posts().take(count).collect();
        Load::start(self.client(), Arc::clone(&self.oracle), posts, WRITERS, Some(RATE))
    }

    /// Sends a post until it is accepted, and answers its id.
    pub(super) async fn send(&self, client: &Client, post: &Post) -> String {
        let id = wait::until("a post is accepted", AT_MOST, async || {
            self.oracle.attempted(post);
            match client.post(post).await {
                Sent::Accepted(id) => Some(id),
                Sent::Busy | Sent::Unknown => None,
                Sent::Refused(status, why) => panic!("{post:?} was refused with {status}: {why}"),
            }
        })
        .await
        .unwrap();
        self.oracle.accepted(post, &id);
        id
    }

    /// One post of each who probes, the next they write.
    pub(super) fn probes(&self, text: &str, fate: Fate) -> Vec<Post> {
        let next = |author| {
            let ordinal = self.probes.fetch_add(1, Ordering::Relaxed);
            Post::new(ordinal, author, text.to_owned(), fate)
        };
        (1..=USERS).filter(|user| is_probe(*user)).map(next).collect()
    }

    /// Waits until what is accepted from now on has arrived in every shard, by way of every partition: whatever was in the
    /// hands of somebody else is taken over. Where a bug is planted, which may take what would arrive, it waits for a while.
    pub(super) async fn arrives(&self) {
        if self.planted {
            let _ = tokio::time::timeout(LATE_AT_MOST, self.probes_arrive()).await;
        } else {
            self.probes_arrive().await;
        }
    }

    async fn probes_arrive(&self) {
        let client = self.client();
        let probes = self.probes("is anybody there?", Fate::Delivered);
        join_all(probes.iter().map(async |post| {
            let id = self.send(&client, post).await;
            wait::until(&format!("post {id} arrives"), AT_MOST, async || {
                // A shard that changes hands refuses to be read for a moment.
                let newest = client.outbox(post.author, None, 10).await.ok()?;
                newest.items.iter().any(|item| item["id"] == id).then_some(())
            })
            .await
            .unwrap();
        }))
        .await;
    }

    /// Ends a world in which a planted bug may have lost something, and says what arrived.
    pub(super) async fn losses(self, load: Load) -> Report {
        load.stop().await;
        self.losses_so_far().await
    }

    /// As [`losses`](Self::losses), where nothing is sent any more.
    pub(super) async fn losses_so_far(self) -> Report {
        tokio::select! {
            // Behind the last of it in every partition and every shard.
            () = self.probes_arrive() => {}
            // The bug takes the probes too, or what brings them.
            _ = self.judge_when(LATE_AT_MOST, |_| false) => {}
        }
        self.judged_when(QUIET_BEHIND_PROBES, |_| false).await
    }

    /// Ends a world in which a planted bug may have left a trace that does not go away again, as soon as it `shows`.
    pub(super) async fn traces(self, load: Load, shows: impl Fn(&Report) -> bool) -> Report {
        load.stop().await;
        self.judged_when(QUIET_AT_MOST, shows).await
    }

    async fn judge_when(&self, quiet: Duration, enough: impl Fn(&Report) -> bool) -> Report {
        judge_until(&self.client(), &self.oracle, &self.network, quiet, enough).await
    }

    async fn judged_when(self, quiet: Duration, enough: impl Fn(&Report) -> bool) -> Report {
        let report = self.judge_when(quiet, enough).await;
        // How it would end in order is none of the bug's business.
        self.fleet.end().await.unwrap();
        report
    }

    /// Says what arrived, and ends it all.
    pub(super) async fn judged(self) -> Report {
        let report = self.judge().await;
        println!("{report}");
        self.fleet.shutdown().await.unwrap();
        report
    }

    /// Says what arrived so far.
    pub(super) async fn judge(&self) -> Report {
        judge(&self.client(), &self.oracle, &self.network).await
    }
}

fn is_probe(author: u64) -> bool {
    author.is_multiple_of(PROBE_EVERY)
}

/// Lets some posts be answered for.
pub(super) async fn flow(load: &Load) {
    load.flow(SOME, AT_MOST).await.unwrap();
}

/// Ends load and world, and expects that nothing is amiss.
pub(super) async fn expect_clean(world: World, load: Load) {
    load.stop().await;
    let report = world.judge().await;
    // The world is still there: what it logged is kept where something is amiss.
    assert!(report.clean() && report.accepted > 100, "{}", shown(&report));
    println!("{report}");
    world.fleet.shutdown().await.unwrap();
}

/// Whether something has happened twice.
pub(super) fn doubles(report: &Report) -> bool {
    !report.duplicates.is_empty()
}

/// A single server; none, said so, where there is no program to start.
pub(super) async fn server(test: &str) -> Option<nats::Server> {
    if nats::server_path().is_none() {
        nats::skip(test);
        return None;
    }
    Some(nats::Server::start(nats::Setup::default()).await.unwrap())
}

/// Changes settings of every partition whose stream begins so, as an operator might.
pub(super) async fn edit(api: &nats::Api, prefix: &str, settings: &[(&str, Value)]) {
    for stream in api.streams(prefix).await.unwrap() {
        api.edit(&stream, settings).await.unwrap();
    }
}

/// Rounds of a row where each takes seconds: fewer than elsewhere, and in a soak as many as there.
pub(super) fn few_rounds(ordinary: u64) -> u64 {
    if std::env::var_os("CATENA_ROUNDS").is_some() { rounds() } else { ordinary }
}
