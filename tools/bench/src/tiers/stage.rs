//! A deployment on this machine, with users who follow each other, and what can be asked of it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, StatusCode, header};
use tempfile::TempDir;
use testkit::{
    bundles,
    fleet::{Fleet, Plan},
    metrics,
    nats::Server,
    process::NodeProcess,
    wait,
};

use crate::usage::Usage;
use crate::{
    load::{self, Load, Make, Pace},
    node::catena,
};

/// Who posts.
pub(super) const AUTHORS: u64 = 500;
/// Lines of one bulk request, which the forwarder takes together.
const LINES: u64 = 500;
/// Connections that send such requests.
const BULK_CONNECTIONS: u64 = 16;
/// Bodies made beforehand, so that making them costs nothing while it counts.
const BODIES: u64 = 16;
const STEPS: usize = 5;
/// All that was accepted must have arrived by then.
const ARRIVAL_MAX: Duration = Duration::from_secs(120);

/// A server and the processes over it.
pub(super) struct Stage {
    // In this order: processes go before their server, folders last.
    pub(super) fleet: Fleet,
    server: Server,
    _folder: TempDir,
}

/// How a run of load went, from the first request to the last arrival.
pub(super) struct Run {
    pub(super) load: Load,
    /// Posts accepted.
    pub(super) posts: f64,
    /// Messages in the stream `inbox` for them.
    pub(super) arrived: f64,
    /// Until all were applied in their shards.
    pub(super) took: Duration,
    pub(super) usage: Usage,
}

impl Run {
    /// Posts a second, all the way.
    pub(super) fn rate(&self) -> f64 {
        self.posts / self.took.as_secs_f64()
    }
}

impl Stage {
    /// Starts `members` (name and roles) with a chain of five steps that hand each post on.
    pub(super) async fn start(
        server: Server,
        partitions: u32,
        first_users: Vec<u64>,
        members: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir_in(bundles::target()).context("failed to make a folder")?;
        let (chains, files) = (folder.path().join("chains"), folder.path().join("bundles"));
        std::fs::create_dir_all(&chains)?;
        std::fs::create_dir_all(&files)?;
        std::fs::write(chains.join("feed.toml"), chain())?;
        std::fs::copy(bundles::guests()?.join("trap.wasm"), files.join("trap.wasm"))?;
        let plan = Plan {
            catena: catena()?,
            folder: folder.path().to_owned(),
            nats: server.url(),
            partitions,
            first_users,
            environment: Vec::new(),
        };
        let fleet = Fleet::start(plan, members).await?;
        Ok(Self { fleet, server, _folder: folder })
    }

    /// Where the servers are.
    pub(super) fn url(&self) -> String {
        self.server.url()
    }

    /// Where posts are sent.
    pub(super) fn address(&self) -> anyhow::Result<String> {
        Ok(self.fleet.node("forwarder")?.addresses().http.clone())
    }

    /// Processor time of all there is.
    pub(super) fn usage(&self) -> Usage {
        let nodes =
            self.fleet.names().map(|name| (name, self.fleet.node(name).ok().and_then(NodeProcess::id)));
        Usage::now([("server", self.server.id())].into_iter().chain(nodes))
    }

    /// Posts that the forwarder has accepted.
    pub(super) async fn accepted(&self) -> anyhow::Result<f64> {
        let post = |s: &metrics::Sample| s.labels.get("what").is_some_and(|what| what == "post");
        self.sum("forwarder", "catena_feed_accepted_total", post).await
    }

    /// Messages that the shards have applied.
    pub(super) async fn applied(&self) -> anyhow::Result<f64> {
        self.sum("inbox", "catena_inbox_applied_sequence", |_| true).await
    }

    async fn sum(
        &self,
        node: &str,
        name: &str,
        wanted: impl Fn(&metrics::Sample) -> bool,
    ) -> anyhow::Result<f64> {
        let text = self.fleet.node(node)?.client()?.metrics().await?;
        let samples = metrics::parse(&text);
        Ok(samples.iter().filter(|s| s.name == name && wanted(s)).map(|s| s.value).sum())
    }

    /// Waits until the shards have applied `messages`.
    pub(super) async fn arrival(&self, messages: f64) -> anyhow::Result<()> {
        let what = format!("{messages} messages are applied in their shards");
        wait::until(&what, ARRIVAL_MAX, async || {
            let applied = self.applied().await.ok()?;
            if applied >= messages {
                return Some(());
            }
            // Asking costs the process that is measured.
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        })
        .await
    }

    /// Posts in bulk for `time`, and waits until each has arrived as one message.
    pub(super) async fn run(&self, time: Duration) -> anyhow::Result<Run> {
        self.follow_through(self.fill(time), 1.0).await
    }

    /// Waits for a load, and until each of its posts has arrived as `copies` messages.
    pub(super) async fn follow_through(
        &self,
        load: impl Future<Output = anyhow::Result<Load>>,
        copies: f64,
    ) -> anyhow::Result<Run> {
        let (accepted, applied, usage) = (self.accepted().await?, self.applied().await?, self.usage());
        let began = Instant::now();
        let load = load.await?;
        let posts = self.accepted().await? - accepted;
        self.arrival(applied + posts * copies).await?;
        let took = began.elapsed();
        let usage = self.usage().since(&usage);
        let arrived = self.applied().await? - applied;
        Ok(Run { load, posts, arrived, took, usage })
    }

    /// Posts in bulk for `time`.
    pub(super) async fn fill(&self, time: Duration) -> anyhow::Result<Load> {
        load::drive(
            &self.address()?,
            BULK_CONNECTIONS,
            Pace::Fastest,
            time,
            StatusCode::OK,
            bulk(AUTHORS, LINES)?,
        )
        .await
    }

    /// Posts once, `lines` posts of user 1.
    pub(super) async fn post_as_one(&self, lines: u64) -> anyhow::Result<Load> {
        let moment = Duration::from_millis(1);
        load::drive(&self.address()?, 1, Pace::Fastest, moment, StatusCode::OK, bulk(1, lines)?).await
    }

    /// Ends the processes in order.
    pub(super) async fn end(self) -> anyhow::Result<()> {
        self.fleet.shutdown().await
    }
}

/// A post of 1 KB.
pub(super) fn post(author: u64, n: u64) -> String {
    let text = "rain over the harbour, and the ferries late again ".repeat(18);
    format!(r#"{{"actor":"{author}","verb":"note","text":"{n} {text}"}}"#)
}

/// Requests of so many posts, by the users 1 to `authors` in turn.
fn bulk(authors: u64, lines: u64) -> anyhow::Result<Make> {
    let line = |n: u64| post(n % authors + 1, n) + "\n";
    let body = |at: u64| Bytes::from((0..lines).map(|n| line(at * lines + n)).collect::<String>());
    let requests = (0..BODIES).map(|at| {
        Request::post("/v1/posts")
            .header(header::HOST, "localhost")
            .header(header::CONTENT_TYPE, "application/x-ndjson")
            .body(Full::new(body(at)))
    });
    let requests: Vec<_> = requests.collect::<Result<_, _>>()?;
    Ok(Arc::new(move |n| {
        let at = usize::try_from(n % BODIES).unwrap_or_default();
        // There is one for each place.
        requests.get(at).cloned().unwrap_or_default()
    }))
}

fn chain() -> String {
    let steps: String =
        (0..STEPS).map(|n| format!("[[step]]\nid = \"pass-{n}\"\nuses = \"trap@^1\"\n")).collect();
    format!("[chain]\nid = \"feed\"\ninput = \"posts\"\noutput = \"inbox\"\n{steps}")
}
