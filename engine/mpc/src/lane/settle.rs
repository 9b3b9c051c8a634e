//! Settling, in the one order that loses nothing: publish every output and await every acknowledgement → commit state,
//! lane state and ledger in one store batch (in a fleet to the changelog first) → acknowledge the input.
//!
//! What bus or store refuse for now (no room, overload) is offered again until they take it; the lane waits, and
//! with it its producers. Anything else fails the lane: it begins again from what is committed.

use std::{collections::HashMap, sync::Arc};

use futures::future::try_join_all;
use model::{Message, Name};
use store::Batch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{Place, blocking, failure::sentence, keys, runner::Ran, work::Ended};
use crate::{Error, Fault, Publication, Result, changelog::Changelog};

/// Messages and bytes that are published in one call.
const CALL_MESSAGES_MAX: usize = 1000;
const CALL_BYTES_MAX: usize = 2 << 20;

/// Settles one batch, whole. Batches of a lane settle one after the other. `give_up` ends the waiting for room and the
/// publishing; a commit that has begun is seen to its end.
pub(super) async fn settle(
    place: Arc<Place>,
    changelog: Option<Arc<Changelog>>,
    mut ran: Ran,
    give_up: CancellationToken,
) -> Result<()> {
    if place.options.fault == Some(Fault::AcknowledgeFirst) {
        end(&place, std::mem::take(&mut ran.ended));
    }
    let lines = grouped(ran.publications).into_iter();
    let published = try_join_all(lines.map(|((stream, partition), messages)| {
        let place = &place;
        async move { publish_all(place, &stream, partition, messages).await }
    }));
    give_up.run_until_cancelled(published).await.ok_or(Error::GivenUp)??;
    let mut batch = Batch::new();
    ran.writes.add_to(&mut batch);
    batch.put("ledger", &keys::ledger(&place.stream, place.partition, &place.chain), &ran.ledger);
    match changelog {
        Some(changelog) => {
            changelog.commit(batch, async |batch| commit(&place, batch, &give_up).await).await?
        }
        None => commit(&place, Arc::new(batch), &give_up).await?,
    }
    end(&place, ran.ended);
    Ok(())
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
fn grouped(publications: Vec<Publication>) -> HashMap<(Name, u32), Vec<Message>> {
    let mut lines: HashMap<_, Vec<_>> = HashMap::new();
    for Publication { stream, partition, message } in publications {
        lines.entry((stream, partition)).or_default().push(message);
    }
    lines
}

async fn publish_all(place: &Place, stream: &str, partition: u32, messages: Vec<Message>) -> Result<()> {
    let mut messages = messages.into_iter().peekable();
    while messages.peek().is_some() {
        let mut bytes = 0;
        let mut call = Vec::new();
        while let Some(next) = messages.next_if(|next| {
            bytes += next.size_bytes();
            call.is_empty() || (call.len() < CALL_MESSAGES_MAX && bytes <= CALL_BYTES_MAX)
        }) {
            call.push(next);
        }
        publish(place, stream, partition, call).await?;
    }
    Ok(())
}

/// The ids make it safe to publish again what may have been stored.
async fn publish(place: &Place, stream: &str, partition: u32, messages: Vec<Message>) -> Result<()> {
    let mut failures = 0;
    loop {
        match place.parts.bus.publish(stream, partition, messages.clone()).await {
            Ok(_) => return Ok(()),
            Err(error) if error.retryable() => {
                failures += 1;
                tracing::warn!(chain = %place.chain, stream, partition, failures, error = sentence(&error), "an output has to wait");
                sleep(place.options.restart.pause(failures)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
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
