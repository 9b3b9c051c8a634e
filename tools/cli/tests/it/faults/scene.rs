//! A node on folders of its own, and what its receipts and arrivals say.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::Value;
use testkit::{
    bundles,
    client::Client,
    network::Network,
    oracle::{Arrivals, Oracle, Report},
    process::{NodeProcess, Setup},
    wait,
};

use crate::support::{CATENA, install};

/// What has not arrived when nothing at all has arrived for so long is lost.
const QUIET_AT_MOST: Duration = Duration::from_secs(12);
/// Nothing is away for longer.
const READ_AT_MOST: Duration = Duration::from_secs(30);
/// How often a planted bug is given the chance to show itself.
const CHANCES: u32 = 4;
/// A change without a receipt by then went unnoticed.
const RECEIPT_AT_MOST: Duration = Duration::from_secs(15);

pub(super) struct Scene {
    folder: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

impl Drop for Scene {
    /// What failed can be looked at: the folder has the logs of every node.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.folder.disable_cleanup(true);
            println!("the logs are kept in {}", self.folder.path().display());
        }
    }
}

impl Scene {
    /// A chain called `feed`, the samples, and these guests.
    pub(super) fn new(chain: &str, guests: &[&str]) -> Self {
        let scene = Self { folder: tempfile::tempdir().unwrap(), environment: Vec::new() };
        bundles::copy(&bundles::samples().unwrap(), &scene.bundles()).unwrap();
        for guest in guests {
            install(&guest_file(guest), &scene.bundles());
        }
        std::fs::create_dir(scene.chain().parent().unwrap()).unwrap();
        std::fs::write(scene.chain(), chain).unwrap();
        scene
    }

    /// With a planted bug.
    pub(super) fn planted(mut self, bug: &str) -> Self {
        self.environment.push((format!("CATENA_PLANTED_{bug}"), "true".to_owned()));
        self
    }

    /// Where everything of it is.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn chain(&self) -> PathBuf {
        self.folder.path().join("chains/feed.toml")
    }

    pub(super) fn bundles(&self) -> PathBuf {
        self.folder.path().join("bundles")
    }

    pub(super) fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    pub(super) async fn start(&self) -> NodeProcess {
        let mut setup = Setup::under(self.folder.path(), CATENA.into());
        setup.environment.clone_from(&self.environment);
        NodeProcess::start(setup).await.unwrap()
    }
}

/// A guest's bundle as it was built.
pub(super) fn guest_file(name: &str) -> PathBuf {
    bundles::guests().unwrap().join(format!("{name}.wasm"))
}

/// The newest receipt's number; 0 before there is one.
pub(super) async fn newest(client: &Client) -> u64 {
    receipts_after(client, 0).await.last().map_or(0, number)
}

/// The receipts after number `after`, oldest first.
pub(super) async fn receipts_after(client: &Client, after: u64) -> Vec<Value> {
    let answer = client.manage("/v1/receipts?limit=200").await.unwrap();
    let mut receipts = answer["items"].as_array().unwrap().clone();
    receipts.retain(|receipt| number(receipt) > after);
    receipts.sort_by_key(number);
    receipts
}

fn number(receipt: &Value) -> u64 {
    receipt["number"].as_u64().unwrap()
}

/// Waits for a receipt after number `after` that `fits`, and answers all up to it.
pub(super) async fn receipt(client: &Client, after: u64, fits: impl Fn(&Value) -> bool) -> Vec<Value> {
    wait::until("a receipt", RECEIPT_AT_MOST, async || {
        let mut receipts = receipts_after(client, after).await;
        let at = receipts.iter().position(&fits)?;
        receipts.truncate(at + 1);
        Some(receipts)
    })
    .await
    .unwrap()
}

pub(super) fn is_live(receipt: &Value) -> bool {
    receipt["verdict"] == "live"
}

/// Collects until nothing is missing, or nothing more comes, and judges.
pub(super) async fn judge(client: &Client, oracle: &Oracle, network: &Network) -> Report {
    let whole = |report: &Report| report.lost.is_empty() && report.holes.is_empty();
    judge_until(client, oracle, network, QUIET_AT_MOST, whole).await
}

/// Collects until the report says `enough`, or nothing has arrived for so long, and judges.
pub(super) async fn judge_until(
    client: &Client,
    oracle: &Oracle,
    network: &Network,
    quiet: Duration,
    enough: impl Fn(&Report) -> bool,
) -> Report {
    let authors = (1..=network.users).collect();
    let (mut arrived, mut since) = (0, Instant::now());
    loop {
        // What changes hands just then refuses to be read for a moment.
        let arrivals = wait::until("everything can be read", READ_AT_MOST, async || {
            Arrivals::collect(client, network, &authors, &["quarantine"]).await.ok()
        });
        let arrivals = arrivals.await.unwrap();
        let report = oracle.judge(&arrivals, network);
        if arrivals.0.len() != arrived {
            (arrived, since) = (arrivals.0.len(), Instant::now());
        }
        if enough(&report) || since.elapsed() > quiet {
            return report;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Everybody follows whom they follow.
pub(super) async fn follow(client: &Client, network: &Network) {
    let mut tasks = tokio::task::JoinSet::new();
    for (user, author) in network.follows.clone() {
        let client = client.clone();
        tasks.spawn(async move { client.follow(user, author).await });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap().unwrap();
    }
}

/// A report with the first few of each fault, for a failing test.
pub(super) fn shown(report: &Report) -> String {
    let mut text = format!("{report}\n");
    for (what, found) in report.faults() {
        if !found.is_empty() {
            text.push_str(&format!(
                "{what}: {}\n  {}\n",
                found.len(),
                found[..found.len().min(5)].join("\n  ")
            ));
        }
    }
    text
}

/// Expects that the oracle sees a planted bug. A fault may find nothing under way that the bug could spoil, though not every
/// time: there are a few attempts, each in a world of its own. One without a report was skipped.
pub(super) async fn expect_caught(
    mut attempt: impl AsyncFnMut() -> Option<Report>,
    shows: impl Fn(&Report) -> bool,
) {
    let mut seen = String::new();
    for _ in 0..CHANCES {
        let Some(report) = attempt().await else { return };
        println!("under the planted bug: {}", shown(&report));
        if shows(&report) {
            return;
        }
        seen = shown(&report);
    }
    panic!("the planted bug went unseen {CHANCES} times: {seen}");
}

/// The text of a file.
pub(super) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}
