//! Publishing under load: many writers, each author's posts one after the other, each sent until the node
//! has answered for it.

use std::{
    sync::{
        Arc, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use tokio::task::JoinSet;

use crate::{
    client::{Client, Sent},
    oracle::Oracle,
    posts::Post,
    wait,
};

/// A load on its way.
pub struct Load {
    shared: Arc<Shared>,
    /// How many posts there are.
    posts: u64,
    writers: JoinSet<Vec<Duration>>,
    began: Instant,
}

struct Shared {
    // A node that was started again listens elsewhere.
    client: RwLock<Client>,
    oracle: Arc<Oracle>,
    answered: AtomicU64,
    stopped: AtomicBool,
}

/// How a load went.
#[derive(Clone, Debug, Default)]
pub struct Went {
    /// Posts the node answered for.
    pub answered: u64,
    /// From the first to the last.
    pub took: Duration,
    /// Time to acceptance of each, ascending.
    pub latencies: Vec<Duration>,
}

impl Went {
    /// Posts answered for per second.
    #[must_use]
    pub fn per_second(&self) -> f64 {
        self.answered as f64 / self.took.as_secs_f64()
    }

    /// The latency that this share of the posts did not exceed.
    #[must_use]
    pub fn percentile(&self, share: f64) -> Duration {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let at = (self.latencies.len() as f64 * share) as usize;
        self.latencies.get(at.min(self.latencies.len().saturating_sub(1))).copied().unwrap_or_default()
    }
}

impl Load {
    /// Starts publishing `posts` with `writers` at once, at most `per_second` in all.
    #[must_use]
    pub fn start(
        client: Client,
        oracle: Arc<Oracle>,
        posts: Vec<Post>,
        writers: usize,
        per_second: Option<u32>,
    ) -> Self {
        let shared = Arc::new(Shared {
            client: RwLock::new(client),
            oracle,
            answered: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
        });
        let writers = writers.max(1);
        let mut lots: Vec<Vec<Post>> = vec![Vec::new(); writers];
        for post in posts {
            // All of one author's with one writer: only then is there an order to keep.
            let at = usize::try_from(post.author % writers as u64).unwrap_or(0);
            if let Some(lot) = lots.get_mut(at) {
                lot.push(post);
            }
        }
        let total: usize = lots.iter().map(Vec::len).sum();
        let mut tasks = JoinSet::new();
        for lot in lots {
            // Each writer ends at about the same time, however many posts it has.
            let pause = per_second.map(|rate| pause(total, rate, lot.len()));
            tasks.spawn(write(Arc::clone(&shared), lot, pause));
        }
        Self { shared, posts: total as u64, writers: tasks, began: Instant::now() }
    }

    /// How many posts the node has answered for.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.shared.answered.load(Ordering::Relaxed)
    }

    /// Waits until so many more posts were answered for.
    ///
    /// # Errors
    /// Not within `at_most`, or there are no more posts.
    pub async fn flow(&self, posts: u64, at_most: Duration) -> Result<()> {
        let due = self.answered() + posts;
        ensure!(
            due <= self.posts,
            "the load is {} posts, and {} were answered for",
            self.posts,
            self.answered()
        );
        wait::until("posts are answered for", at_most, async || (self.answered() >= due).then_some(())).await
    }

    /// Whether everything was answered for.
    #[must_use]
    pub fn done(&self) -> bool {
        self.writers.is_empty() || self.shared.stopped.load(Ordering::Relaxed)
    }

    /// From now on posts go to another life of the node.
    pub fn point_to(&self, client: Client) {
        *self.shared.client.write().unwrap_or_else(std::sync::PoisonError::into_inner) = client;
    }

    /// Starts no further post, and waits for those under way.
    pub async fn stop(self) -> Went {
        self.shared.stopped.store(true, Ordering::Relaxed);
        self.finish().await
    }

    /// Waits until all is answered for.
    pub async fn finish(mut self) -> Went {
        let mut went = Went::default();
        while let Some(latencies) = self.writers.join_next().await {
            went.latencies.extend(latencies.unwrap_or_default());
        }
        went.latencies.sort_unstable();
        went.answered = self.answered();
        went.took = self.began.elapsed();
        went
    }
}

fn pause(total: usize, per_second: u32, own: usize) -> Duration {
    let whole = total as f64 / f64::from(per_second.max(1));
    Duration::from_secs_f64(whole / own.max(1) as f64)
}

async fn write(shared: Arc<Shared>, posts: Vec<Post>, pause: Option<Duration>) -> Vec<Duration> {
    let mut latencies = Vec::with_capacity(posts.len());
    let mut due = tokio::time::Instant::now();
    for post in posts {
        if shared.stopped.load(Ordering::Relaxed) {
            break;
        }
        if let Some(pause) = pause {
            due += pause;
            tokio::time::sleep_until(due).await;
        }
        let began = Instant::now();
        send(&shared, &post).await;
        latencies.push(began.elapsed());
        shared.answered.fetch_add(1, Ordering::Relaxed);
    }
    latencies
}

/// Sends until there is an answer: an unknown outcome is asked again under the same key.
async fn send(shared: &Shared, post: &Post) {
    let mut wait = Duration::from_millis(5);
    loop {
        let client = shared.client.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        shared.oracle.attempted(post);
        match client.post(post).await {
            Sent::Accepted(id) => return shared.oracle.accepted(post, &id),
            Sent::Refused(status, why) => return shared.oracle.refused(post, status, &why),
            Sent::Busy | Sent::Unknown => {
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(Duration::from_millis(200));
            }
        }
    }
}
