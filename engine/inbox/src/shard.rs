//! The task that feeds one shard from its partition.

use std::{sync::Arc, time::Duration};

use bus::{Bus, Settle, Stored};
use model::chain_of;
use parking_lot::Mutex;
use relations::stream::INBOX;
use tokio::{sync::watch, task::spawn_blocking, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    Error, Result,
    applier::{Applier, Arrival},
    metric::Meters,
};

/// The consumer group of the shards.
const GROUP: &str = "inbox";
/// First and longest pause after a failure that may pass.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// What is known of a shard from outside.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    /// The last sequence whose effects are all there.
    pub(crate) applied: u64,
    /// Why it stopped, if it did.
    pub(crate) fault: Option<String>,
}

/// One shard's task.
pub(crate) struct Shard {
    pub(crate) shard: u32,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) applier: Arc<Mutex<Applier>>,
    pub(crate) messages_max: usize,
    pub(crate) state: watch::Sender<State>,
    pub(crate) cancel: CancellationToken,
    pub(crate) meters: Meters,
}

impl Shard {
    /// Checks that the shard and its partition belong together and miss nothing between them.
    pub(crate) async fn check(&self) -> Result<()> {
        let (shard, applied) = (self.shard, self.applied());
        let bounds = self.bus.bounds(INBOX, shard).await?;
        if applied > bounds.last {
            return Err(Error::Ahead { shard, applied, last: bounds.last });
        }
        if bounds.first > applied + 1 {
            return Err(Error::Gap { shard, applied, first: bounds.first });
        }
        Ok(())
    }

    /// Applies what arrives until cancelled, or until something fails for good.
    pub(crate) async fn run(self) {
        let mut pause = PAUSE.0;
        loop {
            let before = self.applied();
            let Err(error) = self.session().await else { return };
            if !error.retryable() {
                let fault = chain_of(&error);
                tracing::error!(shard = self.shard, fault, "an inbox shard stopped");
                self.state.send_modify(|state| state.fault = Some(fault));
                return;
            }
            if self.applied() > before {
                pause = PAUSE.0;
            }
            tracing::warn!(
                shard = self.shard,
                error = chain_of(&error),
                ?pause,
                "an inbox shard begins again"
            );
            tokio::select! {
                () = self.cancel.cancelled() => return,
                () = tokio::time::sleep(pause) => pause = PAUSE.1.min(pause * 2),
            }
        }
    }

    /// One subscription's life; `Ok` when cancelled.
    async fn session(&self) -> Result<()> {
        let credits = self.messages_max * 2;
        let mut subscription = self.bus.subscribe(INBOX, self.shard, GROUP, credits).await?;
        // A power failure may take the shard's last batch and leave the group's settlements: what is missing then is
        // not delivered again, and has to be read before a next message happens to show the hole.
        if !self.catch_up(self.bus.bounds(INBOX, self.shard).await?.last).await? {
            return Ok(());
        }
        loop {
            let fetched = tokio::select! {
                biased;
                () = self.cancel.cancelled() => return Ok(()),
                fetched = subscription.fetch(self.messages_max) => fetched?,
            };
            let (stored, settles) =
                fetched.into_iter().map(|delivery| (delivery.stored, delivery.settle)).unzip();
            if !self.take(stored).await? {
                return Ok(());
            }
            Vec::into_iter(settles).for_each(Settle::ack);
            #[expect(clippy::cast_precision_loss, reason = "a count of messages stays below 2^53")]
            self.meters.lag.set(subscription.lag().await? as f64);
        }
    }

    /// Applies a delivered batch, and before each of its messages what the group has settled but this shard has
    /// not applied. False when cancelled on the way.
    async fn take(&self, mut stored: Vec<Stored>) -> Result<bool> {
        stored.sort_unstable_by_key(|stored| stored.sequence);
        let mut run = Vec::with_capacity(stored.len());
        let mut next = self.applied() + 1;
        for message in stored {
            if message.sequence > next {
                let before = std::mem::take(&mut run);
                if !self.apply(before).await? || !self.catch_up(message.sequence - 1).await? {
                    return Ok(false);
                }
                next = message.sequence;
            }
            if message.sequence == next {
                next += 1;
                run.push(message);
            }
        }
        self.apply(run).await
    }

    /// Applies the log up to `last`, whoever has settled it. False when cancelled on the way.
    async fn catch_up(&self, last: u64) -> Result<bool> {
        loop {
            let applied = self.applied();
            if applied >= last {
                return Ok(true);
            }
            let missing = usize::try_from(last - applied).unwrap_or(usize::MAX);
            let run = self.bus.read(INBOX, self.shard, applied + 1, missing.min(self.messages_max)).await?;
            let first = run.first().map_or(last + 1, |stored| stored.sequence);
            if first != applied + 1 {
                return Err(Error::Gap { shard: self.shard, applied, first });
            }
            if !self.apply(run).await? {
                return Ok(false);
            }
        }
    }

    /// Applies messages that follow on each other, off the async workers. False when cancelled on the way.
    async fn apply(&self, run: Vec<Stored>) -> Result<bool> {
        let mut arrivals: Vec<Arrival> = run.into_iter().map(Arrival::from).collect();
        let mut done = 0;
        while done < arrivals.len() {
            if self.cancel.is_cancelled() {
                return Ok(false);
            }
            let (applier, begun) = (Arc::clone(&self.applier), Instant::now());
            let task = move || {
                let mut applier = applier.lock();
                let applied = applier.apply(arrivals.get(done..).unwrap_or_default());
                (applied, applier.applied(), arrivals)
            };
            let (applied, position, back) = spawn_blocking(task)
                .await
                .map_err(|error| Error::Stopped { shard: self.shard, reason: error.to_string() })?;
            let (count, tally) = applied?;
            arrivals = back;
            done += count;
            self.meters.apply.record(begun.elapsed());
            self.meters.note(tally, position);
            self.state.send_modify(|state| state.applied = position);
        }
        Ok(true)
    }

    fn applied(&self) -> u64 {
        self.state.borrow().applied
    }
}
