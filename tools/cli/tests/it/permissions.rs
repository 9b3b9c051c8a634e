//! The tiers as processes of their own, each signed in as its own user under the allow-lists of `docs/deploy`: all of their
//! work is done, and nothing is asked for that the lists refuse.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use testkit::{
    bundles,
    client::Client,
    fleet::{Fleet, Plan},
    nats::{self, tiers},
    wait,
};

use crate::support::{CATENA, Ran, alone, catena, command, install, run};

/// Partitions of `posts`, and inbox shards.
const PARTITIONS: u32 = 2;
const FIRST_USERS: [u64; 2] = [0, 100];
/// What the chain declares beside `inbox`.
const OUTPUTS: [&str; 2] = ["audit", "quarantine"];
const SOON: Duration = Duration::from_secs(30);

/// A deployment as `docs/deploy` has it: the streams made by the manager, then one process per tier.
pub(crate) struct Deployed {
    pub(crate) server: nats::Server,
    pub(crate) fleet: Fleet,
    folder: tempfile::TempDir,
}

impl Deployed {
    /// None where there is no server to start: then `test` is noted as skipped.
    pub(crate) async fn start(test: &str) -> Option<Self> {
        if nats::server_path().is_none() {
            nats::skip(test);
            return None;
        }
        let setup = tiers::setup(PARTITIONS, u32::try_from(FIRST_USERS.len()).unwrap(), &OUTPUTS).unwrap();
        let server = nats::Server::start(setup).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        bundles::copy(&bundles::samples().unwrap(), &folder.path().join("bundles")).unwrap();
        install(&bundles::root().join("chains/feed.toml"), &folder.path().join("chains"));
        let plan = Plan {
            catena: CATENA.into(),
            folder: folder.path().to_owned(),
            nats: server.url(),
            partitions: PARTITIONS,
            first_users: FIRST_USERS.to_vec(),
            environment: vec![("CATENA_NATS_LEASE_MS".to_owned(), "1500".to_owned())],
        };
        let fleet = Fleet::start(plan, &[]).await.unwrap();
        let mut deployed = Self { server, fleet, folder };
        let shards = FIRST_USERS.map(|user| format!("{{ first_user = {user} }}")).join(", ");
        let made = deployed.manage(&["init"], &[("CATENA_INBOX_SHARDS", &format!("[{shards}]"))]);
        assert_eq!(made.code, Some(0), "{made:?}");
        for tier in ["forwarder", "distributor", "inbox", "gateway"] {
            deployed.add(&format!("{tier}-1"), tier).await;
        }
        Some(deployed)
    }

    /// A process of `tier` that signs in as `tier`.
    async fn add(&mut self, name: &str, tier: &str) {
        let environment = self.signed_in(tier);
        self.fleet.add_with(name, tier, &environment).await.unwrap();
    }

    fn signed_in(&self, tier: &str) -> [(String, String); 2] {
        let file = self.folder.path().join(format!("{tier}.password"));
        std::fs::write(&file, tiers::password(tier)).unwrap();
        [
            ("CATENA_NATS_USER".to_owned(), tier.to_owned()),
            ("CATENA_NATS_PASSWORD_FILE".to_owned(), file.display().to_string()),
        ]
    }

    /// `catena fleet …` as the manager.
    fn manage(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
        let mut command = command();
        command.arg("fleet").args(arguments).args(["--nats", &self.server.url()]);
        command.env("CATENA_POSTS_PARTITIONS", PARTITIONS.to_string());
        run(command.envs(self.signed_in("manager")).envs(environment.iter().copied()), "")
    }

    /// Users of both shards follow user 42.
    pub(crate) async fn follow(&self, client: &Client) {
        for user in [7, 107] {
            let accepted = tokio::time::timeout(SOON, client.follow(user, 42)).await;
            accepted.expect("a follow is not accepted").unwrap();
        }
    }

    /// Sends a post of user 42, until it is accepted; answers its id.
    pub(crate) async fn post(&self, text: &str) -> String {
        let forwarder = format!("http://{}", self.fleet.node("forwarder-1").unwrap().addresses().http);
        let key = format!("{text:.20}");
        wait::until("a post is accepted", SOON, async || {
            let sent = catena(["send", "--actor", "42", "--text", text, "--key", &key, "--to", &forwarder]);
            (sent.code == Some(0)).then(|| sent.stdout.trim().to_owned())
        })
        .await
        .unwrap()
    }

    fn data(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    pub(crate) fn assert_no_violation(&self) {
        assert_no_violation(&self.server, self.folder.path());
    }

    /// Ends the processes, in order.
    pub(crate) async fn shut_down(self) {
        let Self { server, fleet, folder } = self;
        fleet.shutdown().await.unwrap();
        assert_no_violation(&server, folder.path());
    }
}

/// Nothing was refused since the server was last started, as far as it and the processes know.
fn assert_no_violation(server: &nats::Server, folder: &Path) {
    let logs = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let logs = logs.filter(|path| path.extension().is_some_and(|extension| extension == "log"));
    let logs: Vec<PathBuf> = logs.chain([server.folder().join("nats.log")]).collect();
    assert!(logs.len() > 4, "the processes keep their logs elsewhere: {logs:?}");
    for log in logs {
        let text = std::fs::read_to_string(&log).unwrap();
        let found: Vec<&str> =
            text.lines().filter(|line| line.to_lowercase().contains("violation")).collect();
        assert!(found.is_empty(), "`{}`: {found:#?}", log.display());
    }
}

/// Waits until the post is in the feeds of users of both shards.
pub(crate) async fn arrives(client: &Client, id: &str) {
    for user in [7, 107] {
        wait::until("the post is in the feed", SOON, async || {
            let items = client.whole_feed(user).await.ok()?;
            items.iter().any(|item| item["id"] == id).then_some(())
        })
        .await
        .unwrap();
    }
}

fn good(ran: Ran) -> String {
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran.stdout
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tiers_do_all_their_work_and_ask_for_nothing_they_may_not() {
    let _alone = alone().await;
    let test = "tiers_do_all_their_work_and_ask_for_nothing_they_may_not";
    let Some(mut deployed) = Deployed::start(test).await else { return };
    let client = deployed.fleet.client().unwrap();
    deployed.follow(&client).await;
    arrives(&client, &deployed.post("one").await).await;

    deployed.post(&"long ".repeat(1000)).await;
    let data = deployed.data("distributor-1");
    wait::until("a dead letter", SOON, async || {
        catena(["dlq", "list", "--data", &data]).stdout.contains("validate").then_some(())
    })
    .await
    .unwrap();
    assert!(good(catena(["dlq", "replay", "1", "--data", &data])).contains("replayed"));
    wait::until("the replayed one comes back", SOON, async || {
        (catena(["dlq", "list", "--data", &data]).stdout.matches("validate").count() == 2).then_some(())
    })
    .await
    .unwrap();
    assert!(good(catena(["dlq", "purge", "--all", "--yes", "--data", &data])).contains("2 purged"));
    let shown = good(deployed.manage(&["show"], &[]));
    assert!(shown.contains("inbox-1") && shown.contains("distributor-1"), "{shown}");
    deployed.assert_no_violation();

    // Another process takes over what this one leaves, and the server is not there for a while.
    deployed.add("distributor-2", "distributor").await;
    deployed.fleet.stop("distributor-1").await.unwrap();
    let client = deployed.fleet.client().unwrap();
    arrives(&client, &deployed.post("two").await).await;
    deployed.server.restart().await.unwrap();
    arrives(&client, &deployed.post("three").await).await;
    deployed.assert_no_violation();
    deployed.shut_down().await;
}
