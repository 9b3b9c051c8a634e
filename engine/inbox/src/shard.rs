//! The task that feeds one shard from its partition.

use std::{sync::Arc, time::Duration};

use bus::{Bus, Placement, Settle, Stored, Subscription};
use parking_lot::Mutex;
use relations::{LiveMap, stream::INBOX};
use store::Store;
use tokio::{task::spawn_blocking, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    Error, Result,
    applier::{Applier, Arrival},
    backoff::Backoff,
    home::{Home, Phase, Serving},
};

/// The consumer group of the shards.
const GROUP: &str = "inbox";
/// Longest pause between two tries to get a partition that somebody else still has.
const BUSY_PAUSE_MAX: Duration = Duration::from_millis(500);
/// So many looks in a row find messages missing, or the log behind the shard, before it is so: a server that has just begun to lead, or does
/// not know yet that another one does, may not have the last ones.
const LOOKS_MAX: u32 = 4;

/// Between two looks whether the partition was lost, where nothing is fetched.
const LOST_LOOK: Duration = Duration::from_secs(1);

/// One shard over its store.
pub(crate) struct Shard {
    pub(crate) home: Arc<Home>,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) placement: Arc<dyn Placement>,
    pub(crate) map: LiveMap,
    pub(crate) applier: Arc<Mutex<Applier>>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) messages_max: usize,
    pub(crate) cancel: CancellationToken,
}

impl Shard {
    /// Applies what arrives until cancelled. After something that fails for good it is at rest until then.
    pub(crate) async fn run(&self) {
        let shard = self.home.shard;
        let patiences = || (Backoff::default(), Backoff::up_to(BUSY_PAUSE_MAX));
        let (mut backoff, mut waiting) = patiences();
        let mut serving = None;
        let mut wrong = 0;
        loop {
            let before = self.applied();
            let Err(error) = self.session(&mut serving).await else { return };
            if !error.is_end_of_bus() {
                serving = None;
                self.home.enter(Phase::Opening);
            }
            let looks_wrong = matches!(error, Error::Gap { .. } | Error::Ahead { .. });
            wrong = if looks_wrong { wrong + 1 } else { 0 };
            let passes = error.retryable() || (looks_wrong && wrong < LOOKS_MAX);
            if !passes {
                if matches!(error, Error::Gap { .. }) {
                    // Who had the shard meanwhile has what is missing here.
                    self.placement.decline(INBOX, shard);
                }
                return self.rest(error).await;
            }
            if self.applied() > before {
                (backoff, waiting) = patiences();
            }
            let busy = error.is_busy();
            if busy {
                tracing::debug!(shard, "an inbox shard waits for its partition");
            } else {
                let pause = backoff.next();
                tracing::warn!(shard, error = report(&error), ?pause, "an inbox shard begins again");
            }
            self.home.wait_out(error);
            let patience = if busy { &mut waiting } else { &mut backoff };
            if !patience.pause(&self.cancel).await {
                return;
            }
        }
    }

    /// Does nothing more, and says why.
    async fn rest(&self, error: Error) {
        tracing::error!(shard = self.home.shard, fault = report(&error), "an inbox shard stopped");
        self.home.stop(error);
        self.cancel.cancelled().await;
    }

    /// As [`rest`](Self::rest), for as long as the partition is this process's: who has it next is the one to answer.
    async fn rest_holding(&self, error: Error, subscription: &dyn Subscription) -> Result<()> {
        tokio::select! {
            () = self.rest(error) => Ok(()),
            lost = lost(subscription) => Err(lost),
        }
    }

    /// Checks that the shard and its partition belong together and miss nothing between them.
    async fn check(&self) -> Result<()> {
        let (shard, applied) = (self.home.shard, self.applied());
        let bounds = self.bus.bounds(INBOX, shard).await?;
        if applied > bounds.last {
            return Err(Error::Ahead { shard, applied, last: bounds.last });
        }
        if bounds.first > applied + 1 {
            return Err(Error::Gap { shard, applied, first: bounds.first });
        }
        Ok(())
    }

    /// One subscription's life; `Ok` when cancelled.
    async fn session(&self, serving: &mut Option<Serving>) -> Result<()> {
        self.check().await?;
        let credits = self.messages_max * 2;
        let mut subscription = self.bus.subscribe(INBOX, self.home.shard, GROUP, credits).await?;
        let mut ended = self.work(&mut *subscription, serving).await;
        if serving.is_some() && ended.as_ref().is_err_and(|error| !error.retryable()) {
            // What it has can still be read, and holding on to the partition makes sure that nobody has more.
            if let Err(error) = std::mem::replace(&mut ended, Ok(())) {
                ended = self.rest_holding(error, subscription.as_mut()).await;
            }
        }
        // Before the subscription goes: whoever gets it next is then the only one to answer. Where the bus itself
        // has ended, there is no next one, and reading goes on.
        if !ended.as_ref().is_err_and(Error::is_end_of_bus) {
            serving.take();
        }
        ended
    }

    async fn work(&self, subscription: &mut dyn Subscription, serving: &mut Option<Serving>) -> Result<()> {
        // A power failure may take the shard's last batch and leave the group's settlements, and who had the partition
        // before settled what this store has not seen: that is not delivered again, and has to be read before a
        // next message happens to show the hole.
        let last = self.bus.bounds(INBOX, self.home.shard).await?.last;
        if serving.is_none() && self.applied() < last {
            self.home.enter(Phase::CatchingUp { last });
        }
        if !self.catch_up(last).await? {
            return Ok(());
        }
        self.home.reached(self.applied());
        serving.get_or_insert_with(|| self.home.serve(Arc::clone(&self.store)));
        loop {
            let fetched = tokio::select! {
                biased;
                () = self.cancel.cancelled() => return Ok(()),
                fetched = subscription.fetch(self.messages_max) => fetched?,
            };
            let (stored, settles) =
                fetched.into_iter().map(|delivery| (delivery.stored, delivery.settle)).unzip();
            // However long it takes to have room: another process that has the partition answers for the shard.
            let taken = tokio::select! {
                biased;
                taken = self.take(stored) => taken?,
                lost = lost(&*subscription) => return Err(lost),
            };
            if !taken {
                return Ok(());
            }
            Vec::into_iter(settles).for_each(Settle::ack);
            // Servers that do not say cost a figure.
            if let Ok(lag) = subscription.lag().await {
                #[expect(clippy::cast_precision_loss, reason = "a count of messages stays below 2^53")]
                self.home.meters().lag.set(lag as f64);
            }
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
        let (mut looks, mut backoff) = (0, Backoff::default());
        loop {
            let applied = self.applied();
            if applied >= last {
                return Ok(true);
            }
            let missing = usize::try_from(last - applied).unwrap_or(usize::MAX);
            let run =
                self.bus.read(INBOX, self.home.shard, applied + 1, missing.min(self.messages_max)).await?;
            let first = run.first().map_or(last + 1, |stored| stored.sequence);
            if first != applied + 1 {
                looks += 1;
                if looks >= LOOKS_MAX {
                    return Err(Error::Gap { shard: self.home.shard, applied, first });
                }
                if !backoff.pause(&self.cancel).await {
                    return Ok(false);
                }
                continue;
            }
            looks = 0;
            if !self.apply(run).await? {
                return Ok(false);
            }
        }
    }

    /// Applies messages that follow on each other, off the async workers. A store without room is waited for. False
    /// when cancelled on the way.
    async fn apply(&self, run: Vec<Stored>) -> Result<bool> {
        let mut arrivals: Vec<Arrival> = run.into_iter().map(Arrival::from).collect();
        let mut done = 0;
        let mut backoff = Backoff::default();
        while done < arrivals.len() {
            if self.cancel.is_cancelled() {
                return Ok(false);
            }
            let (applier, map, begun) = (Arc::clone(&self.applier), self.map.load(), Instant::now());
            let task = move || {
                let mut applier = applier.lock();
                applier.adopt(&map);
                let applied = applier.apply(arrivals.get(done..).unwrap_or_default());
                (applied, applier.applied(), arrivals)
            };
            let (applied, position, back) = spawn_blocking(task)
                .await
                .map_err(|error| Error::Stopped { shard: self.home.shard, reason: error.to_string() })?;
            arrivals = back;
            let (count, tally) = match applied {
                Ok(applied) => applied,
                Err(error) if error.retryable() => {
                    let (shard, pause) = (self.home.shard, backoff.next());
                    tracing::warn!(shard, error = report(&error), ?pause, "an inbox shard is held up");
                    self.home.wait_out(error);
                    if !backoff.pause(&self.cancel).await {
                        return Ok(false);
                    }
                    continue;
                }
                Err(error) => return Err(error),
            };
            backoff = Backoff::default();
            done += count;
            self.home.meters().apply.record(begun.elapsed());
            self.home.meters().note(tally, position);
            self.home.reached(position);
        }
        Ok(true)
    }

    fn applied(&self) -> u64 {
        self.home.applied()
    }
}

/// Returns when the subscription has lost its place.
async fn lost(subscription: &dyn Subscription) -> Error {
    loop {
        tokio::time::sleep(LOST_LOOK).await;
        if let Err(error @ bus::Error::Lost { .. }) = subscription.lag().await {
            return error.into();
        }
    }
}

/// An error with its causes, on one line.
pub(crate) fn report(error: &Error) -> String {
    let mut line = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        line = format!("{line}: {error}");
        cause = error.source();
    }
    line
}
