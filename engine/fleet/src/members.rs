//! Who is there, by role: each node keeps a key `<role>/<name>` fresh, and is taken to be gone once the key did not change
//! for a while by the watcher's own clock. No clock is compared with another one's.

mod beat;
#[cfg(test)]
mod tests;
mod watch;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bus::KeyValue;
use serde::{Deserialize, Serialize};
use tokio::sync::watch as latest;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{Error, Result, connection::unfit};

/// Those who are there, by name, and what each says about itself.
pub type Live = Arc<BTreeMap<String, Member>>;

/// Streams and partitions that a member cannot work on.
pub(crate) type Declined = BTreeSet<(String, u32)>;

/// What a member says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// What it was told to say, an address perhaps.
    pub about: String,
    /// What is to be dealt to others.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    declined: Declined,
}

impl Member {
    /// Streams and partitions that it cannot work on, and leaves to others.
    pub fn declined(&self) -> impl Iterator<Item = (&str, u32)> {
        self.declined.iter().map(|(stream, partition)| (stream.as_str(), *partition))
    }
}

/// What a node's key holds.
#[derive(Debug, Serialize, Deserialize)]
struct Beat {
    /// This process, this once.
    instance: String,
    /// So that no two are equal.
    beats: u64,
    #[serde(flatten)]
    member: Member,
}

/// The members of one role, as seen from here, and possibly this node among them.
pub struct Members {
    live: latest::Receiver<Live>,
    /// Why this node is no member any more.
    replaced: latest::Receiver<bool>,
    me: Option<String>,
    /// What this node says that it cannot work on.
    declined: latest::Sender<Declined>,
    role: String,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Members {
    /// Joins as `name` and watches the others; `about` is what they are told, an address perhaps. Where another
    /// process had the name until just now, this waits until that one is gone.
    ///
    /// # Errors
    /// [`Error::Unfit`] when a node of that name is alive; [`Error::Away`], [`Error::Unavailable`].
    pub async fn join(
        keys: Arc<dyn KeyValue>,
        role: &str,
        name: &str,
        about: &str,
        ttl: Duration,
    ) -> Result<Self> {
        let mut beat = beat::Heart::start(Arc::clone(&keys), role, name, about, ttl).await?;
        let mut members = Self::begin(keys, role, Some(name), ttl).await?;
        let declined = members.declined.subscribe();
        let (replaced, watch) = latest::channel(false);
        members.replaced = watch;
        let stop = members.stop.clone();
        members.tasks.spawn(async move {
            tokio::select! {
                () = beat.keep_beating(declined) => drop(replaced.send(true)),
                () = stop.cancelled() => beat.end().await,
            }
        });
        // Not before it sees itself: it would take another's part.
        let mut live = members.live.clone();
        let seen = live.wait_for(|live| live.contains_key(name));
        let seen = tokio::time::timeout(ttl, seen).await.is_ok_and(|seen| seen.is_ok());
        if !seen {
            members.leave().await;
            return Err(Error::Away {
                reason: format!("`{name}` does not see itself among the {role} nodes"),
            });
        }
        Ok(members)
    }

    /// Watches without being one of them.
    ///
    /// # Errors
    /// [`Error::Away`], [`Error::Unavailable`].
    pub async fn watch(keys: Arc<dyn KeyValue>, role: &str, ttl: Duration) -> Result<Self> {
        Self::begin(keys, role, None, ttl).await
    }

    async fn begin(keys: Arc<dyn KeyValue>, role: &str, me: Option<&str>, ttl: Duration) -> Result<Self> {
        if model::Name::new(role).is_err() {
            return Err(unfit(format!("`{role}` is no role: use a-z, 0-9, `-` and `_`")));
        }
        let (sender, live) = latest::channel(Live::default());
        let watcher = watch::Watcher::start(keys, role, me, ttl, sender).await?;
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let stopped = stop.clone();
        tasks.spawn(async move {
            tokio::select! {
                () = watcher.run() => {}
                () = stopped.cancelled() => {}
            }
        });
        let (_, replaced) = latest::channel(false);
        let (me, declined) = (me.map(str::to_owned), latest::Sender::default());
        Ok(Self { live, replaced, me, declined, role: role.to_owned(), stop, tasks })
    }

    /// Those who are there, and word of every change.
    #[must_use]
    pub fn live(&self) -> latest::Receiver<Live> {
        self.live.clone()
    }

    /// This node's name, if it is one of them.
    #[must_use]
    pub fn me(&self) -> Option<&str> {
        self.me.as_deref()
    }

    /// Whether this node is still the one of its name.
    ///
    /// # Errors
    /// [`Error::Unfit`] once another process has taken the name.
    pub fn check(&self) -> Result<()> {
        if *self.replaced.borrow() {
            return Err(named_twice(&self.role, self.me().unwrap_or_default()));
        }
        Ok(())
    }

    /// Leaves, so that the others need not wait, and ends.
    pub async fn leave(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    pub(crate) fn declined(&self) -> &latest::Sender<Declined> {
        &self.declined
    }

    pub(crate) fn tasks(&self) -> (&TaskTracker, &CancellationToken) {
        (&self.tasks, &self.stop)
    }
}

impl Drop for Members {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn named_twice(role: &str, name: &str) -> Error {
    unfit(format!(
        "another {role} node is alive under the name `{name}`: give each node a name of its own (`--name`)"
    ))
}

fn key(role: &str, name: &str) -> String {
    format!("{role}/{name}")
}
