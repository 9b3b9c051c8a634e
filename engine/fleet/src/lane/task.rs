//! What keeps a place going: reads ahead, tells the server how deliveries ended and that those that are out are being
//! worked on, and looks after what should have come and did not.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use async_nats::{Message, Subject, jetstream::consumer::Info};
use bus::Stored;
use bytes::Bytes;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{
    End, Lane, NAK, PROGRESS, ack, consumer,
    meters::Meters,
    position::Arrival,
    pull::{Pull, Reply},
    renew, retention,
};
use crate::{
    Error, Fault, Result, envelope,
    lease::{Lease, Leases},
    metric,
};

/// Between two signs of progress, well below the consumer's patience.
const PROGRESS_EVERY: Duration = Duration::from_secs(10);
/// What should come again has this long before it is asked for.
const GRACE: Duration = Duration::from_secs(2);
/// With something unsettled on the server and nothing coming, this long before it is looked into.
const IDLE_MAX: Duration = Duration::from_secs(3);
const TICK: Duration = Duration::from_millis(500);
/// Acks are remembered for so long, and so many of them, in case the connection was lost with them.
const RECENT: Duration = Duration::from_secs(15);
const RECENT_MAX: usize = 4096;
/// After a floor has moved, retention is looked after so often in a row, and from then on so many times more rarely: a server may have
/// lost what it was told, a list may not have been had, and of other groups that go nobody tells. A partition that is full takes nothing
/// that would move the floor again.
const LOOKS: u8 = 3;
const RARELY: u32 = 30;
/// Replies taken in one go.
const BURST: usize = 512;

pub(crate) struct Task {
    lane: Arc<Lane>,
    pull: Pull,
    /// The consumer's name.
    consumer: String,
    /// A number of its own that the consumer has used.
    consumer_sequence: u64,
    leases: Arc<Leases>,
    key: String,
    lease: Lease,
    /// When something last arrived, or was looked into.
    arrived: Instant,
    progressed: Instant,
    tidied: Tidied,
    meters: Meters,
    /// Acks sent lately: a connection that was lost may have lost them too.
    recent: VecDeque<(Instant, Subject)>,
    /// First to last of what was passed over and not looked into yet.
    passed: Vec<std::ops::RangeInclusive<u64>>,
}

/// How far retention has been looked after.
struct Tidied {
    at: Instant,
    /// Where the group stood.
    floor: u64,
    /// How often to look again: the server's floor follows ours a little later.
    looks: u8,
}

impl Task {
    pub(super) fn new(
        lane: Arc<Lane>,
        pull: Pull,
        info: Info,
        leases: Arc<Leases>,
        key: String,
        lease: Lease,
    ) -> Self {
        let now = Instant::now();
        let meters = Meters::new(&lane.partition.stream, &lane.group);
        Self {
            lane,
            pull,
            consumer: info.name,
            consumer_sequence: info.delivered.consumer_sequence,
            leases,
            key,
            lease,
            arrived: now,
            progressed: now,
            tidied: Tidied { at: now, floor: 0, looks: 0 },
            meters,
            recent: VecDeque::new(),
            passed: Vec::new(),
        }
    }

    /// Runs until `stop`, or until the place is lost. `closed`: whether the bus is, rather than the reader gone.
    pub(crate) async fn run(mut self, stop: CancellationToken, closed: CancellationToken) {
        let (lane, leases) = (Arc::clone(&self.lane), Arc::clone(&self.leases));
        let (key, lease) = (self.key.clone(), self.lease.clone());
        let stopped = tokio::select! {
            biased;
            () = stop.cancelled() => true,
            () = renew::renew(&lane, &leases, &key, lease) => false,
            () = renew::lapsed(&lane) => false,
            () = self.pump() => false,
        };
        if stopped {
            lane.finish(if closed.is_cancelled() { End::Closed } else { End::GivenBack });
            if let Err(error) = self.give_back().await {
                tracing::warn!(key, %error, "failed to give the lease back: it has to run out");
            }
            self.count("given back");
        } else {
            lane.finish(End::Lost);
            self.pull.close().await;
            self.count("lost");
        }
    }

    fn count(&self, change: &'static str) {
        let labels = [
            ("stream", self.lane.partition.stream.clone()),
            ("group", self.lane.group.clone()),
            ("change", change.to_owned()),
        ];
        metrics::counter!(metric::LEASES, &labels).increment(1);
        tracing::info!(key = self.key, change, "lease");
    }

    /// Ends only when the consumer is gone.
    async fn pump(&mut self) {
        let lane = Arc::clone(&self.lane);
        let mut link = lane.connection.link();
        let mut tick = interval(TICK.min(lane.connection.options().tidy));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let ahead_bytes = {
                let state = lane.state.lock();
                // What is waited for has to come, however much is here that waits for it; credits bound it.
                if state.position.waits() { 0 } else { state.ahead_bytes }
            };
            self.pull.ask(ahead_bytes).await;
            tokio::select! {
                reply = self.pull.next() => {
                    let Some(reply) = reply else { return };
                    if !self.take(reply) {
                        return;
                    }
                }
                () = lane.woken.notified() => self.tell().await,
                _ = tick.tick() => match self.look_after().await {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(error) => tracing::debug!(key = self.key, %error, "failed to look after a lane"),
                },
                changed = link.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    if link.borrow_and_update().connected {
                        self.pull.again();
                        let recent: Vec<_> = self.recent.drain(..).map(|(_, subject)| (subject, super::ACK)).collect();
                        self.say(recent).await;
                    }
                }
            }
        }
    }

    /// Takes a reply and those that are there already; false when the consumer is gone.
    fn take(&mut self, reply: Message) -> bool {
        let mut next = Some(reply);
        let mut taken = 0;
        while let Some(reply) = next {
            match self.pull.take(reply) {
                Reply::Delivery(message) => self.arrive(message),
                Reply::Gone => {
                    tracing::warn!(key = self.key, "the consumer was removed");
                    return false;
                }
                Reply::Nothing => {}
            }
            taken += 1;
            next = (taken < BURST).then(|| self.pull.ready()).flatten();
        }
        self.lane.arrived.notify_one();
        if !self.lane.state.lock().outbox.is_empty() {
            self.lane.woken.notify_one();
        }
        true
    }

    fn arrive(&mut self, message: Message) {
        let Some((subject, token)) =
            message.reply.and_then(|reply| Some((reply.clone(), ack::parse(&reply)?)))
        else {
            tracing::warn!(key = self.key, "a delivery without a way to answer it");
            return;
        };
        self.arrived = Instant::now();
        self.consumer_sequence = self.consumer_sequence.max(token.consumer_sequence);
        if token.delivered > 1 {
            self.meters.redelivered.increment(1);
        }
        let lane = Arc::clone(&self.lane);
        let mut state = lane.state.lock();
        let (arrival, passed) = state.position.arrive(token.sequence, subject.clone(), self.arrived);
        self.passed.extend(passed);
        lane.partition.reached(token.sequence);
        match arrival {
            Arrival::Take => {
                let stored = Stored {
                    sequence: token.sequence,
                    accepted_at_ms: token.stored_at_ns / 1_000_000,
                    message: envelope::open(message.headers.as_ref(), message.payload),
                };
                state.ahead_bytes += stored.message.size_bytes();
                state.ahead.insert(token.sequence, stored);
            }
            Arrival::Known => {}
            Arrival::Settled => state.outbox.push((subject, super::ACK)),
            Arrival::Early(wait) => state.outbox.push((subject, super::nak(wait))),
        }
    }

    /// Tells the server what is to be told, unless the place is lost.
    async fn tell(&mut self) {
        let words = {
            let mut state = self.lane.state.lock();
            let words = std::mem::take(&mut state.outbox);
            if self.lane.is_held(&state) { words } else { Vec::new() }
        };
        let now = Instant::now();
        let acks = words.iter().filter(|(_, word)| *word == super::ACK);
        self.recent.extend(acks.map(|(subject, _)| (now, subject.clone())));
        while self.recent.len() > RECENT_MAX || self.recent.front().is_some_and(|(at, _)| *at + RECENT < now)
        {
            self.recent.pop_front();
        }
        self.say(words).await;
    }

    async fn say(&self, words: impl IntoIterator<Item = (Subject, Bytes)>) {
        for (subject, word) in words {
            if let Err(error) = self.lane.connection.client().publish(subject, word).await {
                tracing::debug!(%error, "failed to tell how a delivery ended");
            }
        }
    }

    fn ack_subject(&self, sequence: u64, known: Option<Subject>) -> Subject {
        known.unwrap_or_else(|| {
            ack::of_lost(&self.lane.partition.name, &self.consumer, sequence, self.consumer_sequence).into()
        })
    }

    /// False when the consumer is gone.
    async fn look_after(&mut self) -> Result<bool> {
        let now = Instant::now();
        if !self.lane.is_held(&self.lane.state.lock()) || !self.lane.connection.connected() {
            return Ok(true);
        }
        let forgets = self.lane.connection.options().fault == Some(Fault::ForgetLostDeliveries);
        if self.pull.is_silent() {
            self.rebuild("its heartbeats stopped");
        }
        if !self.passed.is_empty() && !forgets {
            self.look_into_passed().await?;
        }
        if self.progressed + PROGRESS_EVERY <= now {
            self.progressed = now;
            let here = self.lane.state.lock().position.here();
            self.say(here.into_iter().map(|subject| (subject, PROGRESS))).await;
        }
        if !forgets {
            let overdue = self.lane.state.lock().position.overdue(GRACE, now);
            let words = overdue.into_iter().map(|(sequence, known)| (self.ack_subject(sequence, known), NAK));
            self.say(words).await;
        }
        if self.arrived + IDLE_MAX <= now && !forgets && !self.pull.is_trusting() {
            self.arrived = now;
            if !self.look_into_silence().await? {
                return Ok(false);
            }
        }
        self.tidy(now).await?;
        Ok(true)
    }

    fn rebuild(&mut self, why: &str) {
        tracing::warn!(key = self.key, why, "pulling anew");
        self.meters.rebuilt.increment(1);
        self.pull.again();
    }

    /// What was passed over was removed from the stream, or its delivery was lost.
    async fn look_into_passed(&mut self) -> Result<()> {
        let first = self.lane.partition.bounds(&self.lane.connection).await?.first;
        let now = Instant::now();
        let mut state = self.lane.state.lock();
        state.position.removed_before(first);
        for passed in self.passed.drain(..) {
            state.position.lost((*passed.start()).max(first)..=*passed.end(), now);
        }
        state.position.looked_into();
        drop(state);
        self.lane.arrived.notify_one();
        Ok(())
    }

    /// Nothing comes: is there nothing, or was something lost? False when the consumer is gone.
    async fn look_into_silence(&mut self) -> Result<bool> {
        let lane = Arc::clone(&self.lane);
        let info = consumer::info(&lane.connection, &lane.partition.name, &self.consumer).await?;
        let Some(info) = info else {
            tracing::warn!(key = self.key, "the consumer is gone");
            return Ok(false);
        };
        self.consumer_sequence = self.consumer_sequence.max(info.delivered.consumer_sequence);
        let (delivered, floor) = (info.delivered.stream_sequence, info.ack_floor.stream_sequence);
        let (next, pending) = {
            let state = lane.state.lock();
            (state.position.next(), state.position.pending_count())
        };
        if delivered >= next {
            tracing::warn!(key = self.key, next, delivered, "deliveries were lost on their way");
            lane.state.lock().position.lost(next..=delivered, Instant::now());
        }
        let credits = usize::try_from(info.config.max_ack_pending).unwrap_or(usize::MAX);
        if info.num_pending > 0 && info.num_ack_pending < credits && pending < credits && self.pull.is_open()
        {
            self.rebuild("nothing came although something waits");
        }
        self.audit(floor).await
    }

    /// What the server counts as settled and never gave us is a hole, if it was not removed from the stream.
    async fn audit(&mut self, floor: u64) -> Result<bool> {
        if self.lane.state.lock().position.floor() >= floor {
            return Ok(true);
        }
        let first = self.lane.partition.bounds(&self.lane.connection).await?.first;
        let holes = {
            let mut state = self.lane.state.lock();
            state.position.removed_before(first);
            state.position.holes(floor)
        };
        self.lane.arrived.notify_one();
        if !holes.is_empty() {
            self.meters.holes.increment(holes.len() as u64);
            tracing::error!(key = self.key, ?holes, "messages were never delivered");
        }
        Ok(true)
    }

    /// Removes what every group has settled and the stream need not keep.
    async fn tidy(&mut self, now: Instant) -> Result<()> {
        let (reached, unsettled) = {
            let state = self.lane.state.lock();
            (state.position.floor(), state.position.unsettled(self.lane.partition.last()))
        };
        self.meters.set_lag(unsettled);
        if reached != self.tidied.floor {
            self.tidied.looks = LOOKS;
        }
        let rarely = if self.tidied.looks == 0 { RARELY } else { 1 };
        if now < self.tidied.at + self.lane.connection.options().tidy * rarely {
            return Ok(());
        }
        let looks = self.tidied.looks.saturating_sub(1);
        self.tidied = Tidied { at: now, floor: reached, looks };
        retention::tidy(&self.lane.connection, &self.lane.partition).await
    }

    /// Tells the last, gives back every delivery, then the lease with what the next owner needs to know.
    async fn give_back(&mut self) -> Result<()> {
        let lane = Arc::clone(&self.lane);
        let timeout = lane.connection.options().timeout;
        let held = Instant::now() < lane.state.lock().until;
        self.pull.close().await;
        if !held {
            return Err(Error::Away { reason: "it ran out already".to_owned() });
        }
        if !lane.connection.connected() {
            return Err(Error::Away { reason: "no server is there".to_owned() });
        }
        let words = std::mem::take(&mut lane.state.lock().outbox);
        // Its answer shows that the server delivers nothing more to us.
        let asked = async {
            self.say(words).await;
            consumer::info(&lane.connection, &lane.partition.name, &self.consumer).await
        };
        let info = tokio::time::timeout(timeout, asked).await;
        let info = info.map_err(|_| Error::Away { reason: "no answer".to_owned() })??;
        if info.is_none() {
            return Err(Error::Away { reason: "the consumer is gone".to_owned() });
        }
        while let Some(reply) = self.pull.ready() {
            if let Reply::Delivery(message) = self.pull.take(reply) {
                self.arrive(message);
            }
        }
        let now = Instant::now();
        let (note, here, revision) = {
            let mut state = lane.state.lock();
            let here = state.position.here();
            for passed in self.passed.drain(..) {
                state.position.lost(passed, now);
            }
            state.position.give_back_all(now);
            (state.position.note(now), here, state.revision)
        };
        let lease = Lease { holder: None, note, ..self.lease.clone() };
        let given = async {
            self.say(here.into_iter().map(|subject| (subject, NAK))).await;
            self.leases.write(&self.key, &lease, revision).await
        };
        match tokio::time::timeout(timeout, given).await {
            Ok(given) => given.map(drop),
            Err(_) => Err(Error::Away { reason: "no answer".to_owned() }),
        }
    }
}
