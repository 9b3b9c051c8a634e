//! Settling, in the one order that loses nothing: publish every output and await every acknowledgement → commit state,
//! lane state and ledger in one store batch (in a fleet to the changelog first) → acknowledge the input.
//!
//! What bus or store refuse for now (no room, overload) is offered again until they take it; the lane waits, and
//! with it its producers. Anything else fails the lane: it begins again from what is committed. So does not to know for long
//! whether something was stored: an earlier life of the lane may have left as much, and the next one looks ([`Trail`]).

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use chain::Plan;
use futures::future::try_join_all;
use model::{Message, Name};
use store::Batch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{
    Place, blocking,
    failure::sentence,
    keys,
    runner::Ran,
    seen,
    trail::{Line, Trail},
    work::Ended,
};
use crate::{Error, Fault, Publication, Result, changelog::Changelog};

/// Messages and bytes that are published in one call.
const CALL_MESSAGES_MAX: usize = 1000;
const CALL_BYTES_MAX: usize = 2 << 20;
/// A commit between looking what was published and publishing may take so long: by then the bus has forgotten nothing that it
/// remembered at the look, and what was announced has not run out.
const COMMIT_AT_MOST: Duration = Duration::from_secs(15);

/// What settles one batch, whole. Batches of a lane settle one after the other.
pub(super) struct Settler {
    pub(super) place: Arc<Place>,
    pub(super) changelog: Option<Arc<Changelog>>,
    pub(super) trail: Option<Trail>,
    /// Ends the waiting for room and the publishing; a commit that has begun is seen to its end.
    pub(super) give_up: CancellationToken,
}

impl Settler {
    /// Gives the trail back for the next batch.
    pub(super) async fn settle(mut self, mut ran: Ran) -> Result<Option<Trail>> {
        if self.place.options.fault == Some(Fault::AcknowledgeFirst) {
            end(&self.place, std::mem::take(&mut ran.ended));
        }
        self.publish(grouped(ran.publications), ran.oldest).await?;
        let mut batch = Batch::new();
        ran.writes.add_to(&mut batch);
        let Place { chain, stream, partition, .. } = &*self.place;
        batch.put("ledger", &keys::ledger(stream, *partition, chain), &ran.ledger);
        if let Some(trail) = &mut self.trail {
            trail.commit(ran.floor, &mut batch);
        }
        self.commit(batch).await?;
        end(&self.place, ran.ended);
        Ok(self.trail)
    }

    /// Publishes what messages from sequence `oldest` on left.
    async fn publish(&mut self, mut lines: HashMap<Line, Outbox>, oldest: u64) -> Result<()> {
        let give_up = self.give_up.clone();
        while lines.values().any(|outbox| !outbox.messages.is_empty()) {
            // Each time: what the bus remembered just now it may forget while there is no room.
            let looked_up = self.leave_out_published(&mut lines, oldest);
            give_up.run_until_cancelled(looked_up).await.ok_or(Error::GivenUp)??;
            if let Some(announced) = self.trail.as_mut().and_then(Trail::announce) {
                let began = Instant::now();
                self.commit(announced).await?;
                if began.elapsed() > COMMIT_AT_MOST {
                    tracing::warn!(chain = %self.place.chain, partition = self.place.partition, took = ?began.elapsed(), "a commit took so long that the lane looks again what was published");
                    continue;
                }
            }
            let limits = self.trail.as_ref().map(|trail| (trail.deadline(), trail.patience()));
            let (place, changelog) = (&self.place, self.changelog.as_deref());
            let all = lines.iter_mut().map(|(line, outbox)| outbox.publish(place, changelog, line, limits));
            give_up.run_until_cancelled(try_join_all(all)).await.ok_or(Error::GivenUp)??;
            if let Some(trail) = &mut self.trail
                && lines.values_mut().any(|outbox| std::mem::take(&mut outbox.sent))
            {
                trail.sent();
            }
        }
        Ok(())
    }

    /// What was published before and is not committed need not be known to the bus by its id any more.
    async fn leave_out_published(&mut self, lines: &mut HashMap<Line, Outbox>, oldest: u64) -> Result<()> {
        let Some(trail) = self.trail.as_mut().filter(|trail| trail.doubts(oldest)) else { return Ok(()) };
        let parts = &self.place.parts;
        for (line, outbox) in lines.iter_mut().filter(|((stream, _), _)| !parts.router.recognises(stream)) {
            let ids = outbox.messages.iter().map(|message| seen::hash(&message.id)).collect();
            let published = trail.published(&*parts.bus, line, &ids).await?;
            outbox.messages.retain(|message| !published.contains(&seen::hash(&message.id)));
        }
        Ok(())
    }

    async fn commit(&self, batch: Batch) -> Result<()> {
        let write = async |batch| commit(&self.place, batch, &self.give_up).await;
        match &self.changelog {
            Some(changelog) => changelog.commit(batch, write).await,
            None => write(Arc::new(batch)).await,
        }
    }
}

/// Acknowledges what came to its end.
fn end(place: &Place, all: Vec<Ended>) {
    place.gauge.settled(all.len());
    for ended in all {
        ended.settle.ack();
        if let Some((pin, ending)) = ended.counted {
            pin.end(ending);
        }
    }
}

/// By stream and partition, in order within each.
fn grouped(publications: Vec<Publication>) -> HashMap<Line, Outbox> {
    let mut lines: HashMap<_, Outbox> = HashMap::new();
    for Publication { stream, partition, message } in publications {
        lines.entry((stream, partition)).or_default().messages.push_back(message);
    }
    lines
}

/// What is still to be published on one line.
#[derive(Default)]
struct Outbox {
    messages: VecDeque<Message>,
    failures: u32,
    /// Since when it is not known whether the first of them were stored, and why.
    unknown: Option<(Instant, bus::Error)>,
    /// Some were stored, or may have been.
    sent: bool,
}

impl Outbox {
    /// Publishes, in order, what can be begun before the deadline, and one call at least. The ids make it safe to publish again what
    /// may have been stored, but not for longer than patience lasts.
    async fn publish(
        &mut self,
        place: &Place,
        changelog: Option<&Changelog>,
        (stream, partition): &Line,
        limits: Option<(Instant, Duration)>,
    ) -> Result<()> {
        while !self.messages.is_empty() {
            let lost = |(since, _): &mut (Instant, _)| {
                limits.is_some_and(|(_, patience)| since.elapsed() > patience)
            };
            if let Some((_, error)) = self.unknown.take_if(lost) {
                return Err(error.into());
            }
            // Once it is out under its id, what was made of another life's rows stays, whatever the commit says.
            if let Some(changelog) = changelog {
                changelog.check()?;
            }
            let (call, began) = (self.call(), Instant::now());
            let count = call.len();
            match place.parts.bus.publish(stream, *partition, call).await {
                Ok(_) => {
                    self.messages.drain(..count);
                    (self.failures, self.unknown, self.sent) = (0, None, true);
                }
                Err(error) if error.retryable() => {
                    self.failures += 1;
                    let (failures, why) = (self.failures, sentence(&error));
                    tracing::warn!(chain = %place.chain, %stream, partition, failures, error = why, "an output has to wait");
                    // The way out of an output that has no room and gets none.
                    if place.live().is_some_and(|live| !leads_to(&live.plan, stream))
                        && *stream != place.dead_letters
                    {
                        return Err(error.into());
                    }
                    if !error.took_nothing() {
                        self.unknown.get_or_insert((began, error));
                        self.sent = true;
                    }
                    sleep(place.options.restart.pause(failures)).await;
                }
                Err(error) => return Err(error.into()),
            }
            if limits.is_some_and(|(deadline, _)| Instant::now() >= deadline) {
                break;
            }
        }
        Ok(())
    }

    /// The first of them, as many as go into one call.
    fn call(&self) -> Vec<Message> {
        let mut bytes = 0;
        let fits = |(at, next): &(usize, &Message)| {
            bytes += next.size_bytes();
            *at == 0 || (*at < CALL_MESSAGES_MAX && bytes <= CALL_BYTES_MAX)
        };
        self.messages.iter().enumerate().take_while(fits).map(|(_, message)| message.clone()).collect()
    }
}

/// Whether the plan sends anything to the stream.
fn leads_to(plan: &Plan, stream: &Name) -> bool {
    plan.outputs.iter().any(|output| output.stream == *stream)
}

async fn commit(place: &Place, batch: Arc<Batch>, give_up: &CancellationToken) -> Result<()> {
    let mut failures = 0;
    loop {
        let (store, batch) = (Arc::clone(&place.parts.store), Arc::clone(&batch));
        match blocking(move || store.write(&batch)).await? {
            Ok(()) => return Ok(()),
            Err(error) if error.retryable() => {
                failures += 1;
                tracing::warn!(chain = %place.chain, partition = place.partition, failures, error = sentence(&error), "state has to wait");
                let pause = sleep(place.options.restart.pause(failures));
                give_up.run_until_cancelled(pause).await.ok_or(Error::GivenUp)?;
            }
            Err(error) => return Err(error.into()),
        }
    }
}
