use std::{sync::Arc, time::Duration};

use bus::{Kept, KeyValue};
use bytes::Bytes;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use super::{Beat, Declined, Member, key, named_twice};
use crate::{Error, Result, connection::unfit};

/// Beats in one life time, so that two may be lost.
const BEATS_PER_TTL: u32 = 3;
/// Looks in one life time while another one may still be alive.
const LOOKS_PER_TTL: u32 = 20;

/// Keeps a node's key fresh.
pub(super) struct Heart {
    keys: Arc<dyn KeyValue>,
    role: String,
    key: String,
    beat: Beat,
    revision: u64,
    ttl: Duration,
}

impl Heart {
    /// The first beat.
    pub(super) async fn start(
        keys: Arc<dyn KeyValue>,
        role: &str,
        name: &str,
        about: &str,
        ttl: Duration,
    ) -> Result<Self> {
        if model::Name::new(name).is_err() {
            return Err(unfit(format!("`{name}` is no name for a node: use a-z, 0-9, `-` and `_`")));
        }
        let mut random = [0; 16];
        getrandom::fill(&mut random)
            .map_err(|error| Error::Unavailable { reason: format!("no random numbers: {error}") })?;
        let instance = format!("{:032x}", u128::from_ne_bytes(random));
        let member = Member { about: about.to_owned(), ..Member::default() };
        let beat = Beat { instance, beats: 0, member };
        let mut heart = Self { keys, role: role.to_owned(), key: key(role, name), beat, revision: 0, ttl };
        let mut seen: Option<(u64, Instant)> = None;
        loop {
            let found = heart.keys.get(&heart.key).await?;
            let revision = found.map_or(0, |kept| kept.revision);
            match seen {
                Some((known, _)) if known != revision && revision != 0 => {
                    return Err(named_twice(role, name));
                }
                Some((_, since)) if revision != 0 && since.elapsed() < ttl => {}
                None if revision != 0 => {
                    tracing::info!(role, name, "another process had this name: waiting until it is gone");
                    seen = Some((revision, Instant::now()));
                }
                _ => match heart.beat(revision).await {
                    Ok(()) => return Ok(heart),
                    Err(Error::Conflict { .. }) => return Err(named_twice(role, name)),
                    Err(error) => return Err(error),
                },
            }
            sleep(ttl / LOOKS_PER_TTL).await;
        }
    }

    async fn beat(&mut self, revision: u64) -> Result<()> {
        self.beat.beats += 1;
        let value = serde_json::to_vec(&self.beat).map_err(|error| Error::Unavailable {
            reason: format!("a sign of life cannot be written: {error}"),
        })?;
        self.revision = self.keys.put(&self.key, Bytes::from(value), revision).await?;
        Ok(())
    }

    /// Returns once another process has the name. What is declined the others hear at once.
    pub(super) async fn keep_beating(&mut self, mut declined: watch::Receiver<Declined>) {
        let mut wait = self.ttl / BEATS_PER_TTL;
        loop {
            tokio::select! {
                () = sleep(wait) => {}
                Ok(()) = declined.changed() => {}
            }
            self.beat.member.declined.clone_from(&declined.borrow_and_update());
            wait = match self.beat(self.revision).await {
                Ok(()) => self.ttl / BEATS_PER_TTL,
                Err(Error::Conflict { .. }) => match self.keys.get(&self.key).await {
                    // Somebody cleaned up too early.
                    Ok(None) => {
                        self.revision = 0;
                        Duration::ZERO
                    }
                    // An earlier beat had arrived without our knowing.
                    Ok(Some(kept)) if self.is_mine(&kept) => {
                        self.revision = kept.revision;
                        Duration::ZERO
                    }
                    Ok(Some(_)) => {
                        tracing::error!(
                            role = self.role,
                            key = self.key,
                            "another process has taken this node's name"
                        );
                        return;
                    }
                    Err(_) => self.ttl / LOOKS_PER_TTL,
                },
                Err(error) => {
                    tracing::warn!(role = self.role, %error, "failed to give a sign of life");
                    self.ttl / LOOKS_PER_TTL
                }
            };
        }
    }

    fn is_mine(&self, kept: &Kept) -> bool {
        serde_json::from_slice::<Beat>(&kept.value).is_ok_and(|beat| beat.instance == self.beat.instance)
    }

    pub(super) async fn end(&self) {
        let removed = tokio::time::timeout(self.ttl, self.keys.remove(&self.key, self.revision)).await;
        if !matches!(removed, Ok(Ok(()))) {
            tracing::warn!(key = self.key, "failed to say good-bye: the others have to notice");
        }
    }
}
