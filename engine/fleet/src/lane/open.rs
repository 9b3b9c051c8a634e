//! Taking a place: the lease first, then the consumer that goes with it.

use std::{collections::BTreeMap, sync::Arc};

use async_nats::jetstream::consumer::Info;
use parking_lot::Mutex;
use tokio::{sync::Notify, time::Instant};

use super::{Lane, Position, State, consumer, pull::Pull, renew::margin, task::Task};
use crate::{
    Connection, Error, Fault, Result,
    lease::{Held, Lease, Leases, Taken},
    metric,
    stream::Partition,
};

/// What is asked for.
pub(crate) struct Opening {
    pub(crate) connection: Connection,
    pub(crate) partition: Arc<Partition>,
    pub(crate) leases: Arc<Leases>,
    pub(crate) key: String,
    pub(crate) group: String,
    pub(crate) credits: usize,
}

/// Takes the place; the task is still to be run. None while another process has it.
pub(crate) async fn open(opening: &Opening) -> Result<Option<(Arc<Lane>, Task)>> {
    let Some(mut held) = opening.leases.take(&opening.key, &opening.group).await? else { return Ok(None) };
    match opening.attach(&mut held).await {
        Ok(opened) => {
            opening.count("taken");
            Ok(Some(opened))
        }
        // Somebody was faster, or a write of our own arrived without our knowing. What is so now the next try sees.
        Err(Error::Conflict { .. }) => {
            tracing::debug!(key = opening.key, "the lease changed while it was taken");
            Ok(None)
        }
        Err(error) => {
            // As it was found, so that the next one to try finds it so.
            let note = match held.taken {
                Taken::Free(note) => note,
                Taken::Expired => None,
            };
            let lease = Lease { holder: None, note, ..held.lease };
            if let Err(error) = opening.leases.write(&opening.key, &lease, held.revision).await {
                tracing::warn!(key = opening.key, %error, "failed to give the lease back");
            }
            Err(error)
        }
    }
}

impl Opening {
    pub(super) fn count(&self, change: &'static str) {
        let labels = [
            ("stream", self.partition.stream.clone()),
            ("group", self.group.clone()),
            ("change", change.to_owned()),
        ];
        metrics::counter!(metric::LEASES, &labels).increment(1);
        tracing::info!(key = self.key, change, "lease");
    }

    async fn attach(&self, held: &mut Held) -> Result<(Arc<Lane>, Task)> {
        let (info, position) = self.consumer(held).await?;
        let ttl = self.leases.ttl();
        // Servers that elect may have taken their time; that it can be written says that nobody has taken over.
        if held.sent.elapsed() > ttl / 3 {
            held.sent = Instant::now();
            held.revision = self.leases.write(&self.key, &held.lease, held.revision).await?;
        }
        let pull = Pull::open(&self.connection, &self.partition.name, &info.name, self.credits).await?;
        let until = held.sent + ttl - margin(ttl);
        if Instant::now() >= until {
            return Err(Error::Away { reason: format!("taking `{}` took longer than its lease", self.key) });
        }
        let state = State {
            position,
            ahead: BTreeMap::new(),
            ahead_bytes: 0,
            outbox: Vec::new(),
            until,
            revision: held.revision,
            end: None,
        };
        let lane = Arc::new(Lane {
            connection: self.connection.clone(),
            partition: Arc::clone(&self.partition),
            group: self.group.clone(),
            state: Mutex::new(state),
            arrived: Notify::new(),
            woken: Notify::new(),
        });
        let task = Task::new(
            Arc::clone(&lane),
            pull,
            info,
            Arc::clone(&self.leases),
            self.key.clone(),
            held.lease.clone(),
        );
        Ok((lane, task))
    }

    /// The consumer that goes with the lease, and where the group stands. A lease that was given back goes on with the
    /// consumer it finds. After one that expired the consumer is replaced by one that begins behind the old one's
    /// floor, so that what the old holder may still send goes nowhere.
    async fn consumer(&self, held: &mut Held) -> Result<(Info, Position)> {
        let (connection, partition) = (&self.connection, &*self.partition);
        let mut found = consumer::list(connection, partition).await?;
        found.retain(|found| found.group == self.group);
        found.sort_by_key(|found| found.epoch);
        let Some(newest) = found.pop() else {
            let info =
                consumer::create(connection, partition, &self.group, held.lease.epoch, None, self.credits)
                    .await?;
            let delivered = info.delivered.stream_sequence;
            if info.delivered.consumer_sequence == 0 {
                return Ok((info, Position::starting_at(delivered + 1)));
            }
            // It was there already, and the list did not show it.
            if let Taken::Free(Some(note)) = &held.taken {
                let position = Position::resumed(note, delivered, Instant::now());
                return Ok((info, position));
            }
            // In a cluster a floor below the oldest message kept may say nothing.
            let first = partition.bounds(connection).await?.first;
            let floor = info.ack_floor.stream_sequence.max(first - 1);
            let mut position = Position::starting_at(floor + 1);
            position.lost(floor + 1..=delivered, Instant::now());
            return Ok((info, position));
        };
        for old in found {
            consumer::delete(connection, &partition.name, &old.info.name).await?;
        }
        if let Taken::Free(Some(note)) = &held.taken
            && newest.epoch == held.lease.epoch
        {
            let info = consumer::resize(connection, newest.info, self.credits).await?;
            let position = Position::resumed(note, info.delivered.stream_sequence, Instant::now());
            return Ok((info, position));
        }
        let from = newest.info.ack_floor.stream_sequence + 1;
        if connection.options().fault == Some(Fault::TakeOverKeepsConsumer) {
            return Ok((newest.info, Position::starting_at(from)));
        }
        if newest.epoch >= held.lease.epoch {
            // The lease was lost, or given back without a note: its epoch must be a new one.
            held.lease.epoch = newest.epoch + 1;
            held.revision = self.leases.write(&self.key, &held.lease, held.revision).await?;
        }
        // The new one first: between the two, the group's place would be nowhere.
        let info =
            consumer::create(connection, partition, &self.group, held.lease.epoch, Some(from), self.credits)
                .await?;
        consumer::delete(connection, &partition.name, &newest.info.name).await?;
        Ok((info, Position::starting_at(from)))
    }
}
