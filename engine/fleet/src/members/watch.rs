use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use bus::{Change, Kept, KeyValue, Watch};
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};

use super::{Beat, Live, Member, key};
use crate::Result;

/// After so many life times without a sign of life a key is removed.
const TTLS_UNTIL_REMOVED: u32 = 10;

/// Follows the keys of a role.
pub(super) struct Watcher {
    keys: Arc<dyn KeyValue>,
    prefix: String,
    /// This node's own key: while it looks dead too, it is the watching that is.
    me: Option<String>,
    ttl: Duration,
    watch: Box<dyn Watch>,
    seen: HashMap<String, Seen>,
    live: watch::Sender<Live>,
}

struct Seen {
    revision: u64,
    at: Instant,
    member: Member,
}

impl Watcher {
    /// Knows all there are when it returns.
    pub(super) async fn start(
        keys: Arc<dyn KeyValue>,
        role: &str,
        me: Option<&str>,
        ttl: Duration,
        live: watch::Sender<Live>,
    ) -> Result<Self> {
        let prefix = key(role, "");
        let mut watch = keys.watch(&prefix).await?;
        let there = watch.next().await?;
        let me = me.map(|name| key(role, name));
        let mut watcher = Self { keys, prefix, me, ttl, watch, seen: HashMap::new(), live };
        watcher.apply(there);
        watcher.tell();
        Ok(watcher)
    }

    pub(super) async fn run(mut self) {
        loop {
            let now = Instant::now();
            // Of those that are alive the first to be missed, or else the first to be forgotten.
            let missed = self.seen.values().map(|seen| seen.at + self.ttl).filter(|at| *at > now).min();
            let next = missed.unwrap_or(now + self.ttl);
            tokio::select! {
                changes = self.watch.next() => match changes {
                    Ok(changes) => self.apply(changes),
                    Err(error) => {
                        tracing::warn!(prefix = self.prefix, %error, "failed to watch the members");
                        self.again().await;
                    }
                },
                () = sleep_until(next) => {}
            }
            self.tell();
            self.forget().await;
        }
    }

    /// Watches anew. Meanwhile everybody stays as they were; from then on each has a life time to be heard of.
    async fn again(&mut self) {
        loop {
            sleep(self.ttl / 10).await;
            let begun = async {
                let mut watch = self.keys.watch(&self.prefix).await?;
                let there = watch.next().await?;
                Ok::<_, crate::Error>((watch, there))
            };
            match begun.await {
                Ok((watch, there)) => {
                    self.watch = watch;
                    let names: Vec<&str> = there
                        .iter()
                        .map(|change| match change {
                            Change::Put(kept) => kept.key.as_str(),
                            Change::Gone { key } => key.as_str(),
                        })
                        .collect();
                    self.seen.retain(|key, _| names.contains(&key.as_str()));
                    self.seen.values_mut().for_each(|seen| seen.at = Instant::now());
                    self.apply(there);
                    return;
                }
                Err(error) => tracing::debug!(%error, "failed to watch the members"),
            }
        }
    }

    fn apply(&mut self, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Put(Kept { key, value, revision }) => {
                    let known = self.seen.get(&key).is_some_and(|seen| seen.revision == revision);
                    if let (false, Ok(beat)) = (known, serde_json::from_slice::<Beat>(&value)) {
                        self.seen.insert(key, Seen { revision, at: Instant::now(), member: beat.member });
                    }
                }
                Change::Gone { key } => drop(self.seen.remove(&key)),
            }
        }
    }

    /// Says who is there, if that has changed.
    fn tell(&self) {
        let alive = |seen: &Seen| seen.at.elapsed() < self.ttl;
        let deaf = self.me.as_ref().is_some_and(|me| self.seen.get(me).is_some_and(|seen| !alive(seen)));
        if deaf {
            return;
        }
        let live: BTreeMap<String, Member> = self
            .seen
            .iter()
            .filter(|(_, seen)| alive(seen))
            .filter_map(|(key, seen)| Some((key.strip_prefix(&self.prefix)?.to_owned(), seen.member.clone())))
            .collect();
        self.live.send_if_modified(|told| {
            let changed = **told != live;
            if changed {
                let names: Vec<&String> = live.keys().collect();
                let declined: Vec<_> = live
                    .iter()
                    .flat_map(|(name, member)| member.declined.iter().map(move |what| (name, what)))
                    .collect();
                tracing::info!(role = self.prefix, ?names, ?declined, "members");
                *told = Arc::new(live);
            }
            changed
        });
    }

    /// Removes the keys of those who are gone for good.
    async fn forget(&mut self) {
        let long = self.ttl * TTLS_UNTIL_REMOVED;
        let gone: Vec<(String, u64)> = self
            .seen
            .iter()
            .filter(|(key, seen)| seen.at.elapsed() > long && Some(*key) != self.me.as_ref())
            .map(|(key, seen)| (key.clone(), seen.revision))
            .collect();
        for (key, revision) in gone {
            // Whatever comes of it: the watch tells.
            let _ = self.keys.remove(&key, revision).await;
            self.seen.remove(&key);
        }
    }
}
