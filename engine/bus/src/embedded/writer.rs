//! The one thread that writes. Each round takes whatever was queued while the last one was synced:
//! the slower the disk, the larger the group that shares a sync.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use metrics::{counter, gauge, histogram};
use model::{chain_of, now_ms};
use store::Batch;
use tokio::sync::oneshot;

use super::{
    Shared, forget,
    group::Group,
    options::Fault,
    queue::{self, Command, Publish},
    round::{Draft, Now, Round},
};
use crate::{Error, Published, Result, metric};

/// How long an idle writer lets settled positions wait.
const BEAT: Duration = Duration::from_secs(1);

/// The part of a round's time that may be spent on gathering the next, and the most it may be.
const PATIENCE_SHARE: u32 = 8;
const PATIENCE_MAX: Duration = Duration::from_millis(1);

pub(super) struct Writer {
    shared: Arc<Shared>,
    batch: Batch,
    clock: Clock,
    /// What the last round teaches about the next: how many it answered, and how long it took.
    answered: usize,
    took: Duration,
}

type Answer = (oneshot::Sender<Result<Vec<Published>>>, Result<Vec<Published>>);

impl Writer {
    /// A writer whose clock does not stand before `newest_ms`, the newest time in the store.
    pub(super) fn new(shared: Arc<Shared>, newest_ms: u64) -> Self {
        let clock = Clock::starting_at(now_ms().max(newest_ms));
        Self { shared, batch: Batch::new(), clock, answered: 0, took: Duration::ZERO }
    }

    /// Writes until the queue is closed and empty, or the store fails.
    pub(super) fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        // Whatever ends this thread, nobody may go on waiting for it.
        let _ending = Ending(&shared);
        let mut beat = Instant::now() + BEAT;
        loop {
            let patience = (self.took / PATIENCE_SHARE).min(PATIENCE_MAX);
            let Some(commands) = shared.queue.take(beat, self.answered, patience) else { break };
            let beats = Instant::now() >= beat;
            if beats {
                beat = Instant::now() + BEAT;
                self.report_lag();
            }
            if let Err(error) = self.handle(commands, beats) {
                let reason = chain_of(&error);
                tracing::error!(reason, "the bus takes no more messages until it is opened anew");
                shared.stop(&reason);
                return;
            }
        }
        if let Err(error) = self.round(Vec::new(), 0, true) {
            tracing::warn!(%error, "failed to store positions at the end; what they settled comes again");
        }
    }

    fn handle(&mut self, commands: Vec<Command>, beats: bool) -> store::Result<()> {
        let bytes = queue::bytes(&commands);
        let mut publishes = Vec::with_capacity(commands.len());
        for command in commands {
            match command {
                Command::Publish(publish) => publishes.push(publish),
                Command::Provision { spec, answer } => {
                    let _ = answer.send(self.shared.create(spec));
                }
                Command::Forget { partitions, group, answer } => {
                    let _ = answer.send(forget::forget(&*self.shared.store, &partitions, &group));
                }
            }
        }
        if !publishes.is_empty() || beats {
            self.round(publishes, bytes, beats)?;
        }
        Ok(())
    }

    /// Stores one round and answers it. Only a store that takes nothing more is an error.
    fn round(&mut self, publishes: Vec<Publish>, bytes: usize, tidy_all: bool) -> store::Result<()> {
        let started = Instant::now();
        let groups = std::mem::take(&mut *self.shared.changed.lock());
        let (drafts, mut answers) = self.build(publishes, &groups, tidy_all)?;
        if self.shared.options.fault == Some(Fault::AcknowledgeBeforeDurable) {
            accept(std::mem::take(&mut answers));
        }
        if !self.batch.is_empty() {
            if let Err(error) = self.shared.store.write(&self.batch) {
                self.shared.queue.free(bytes);
                groups.iter().for_each(|group| group.note_again());
                return self.refuse(answers, error);
            }
            self.took = started.elapsed();
            histogram!(metric::COMMIT).record(self.took);
        }
        self.answered = answers.len();
        take_over(drafts);
        gauge!(metric::QUEUE).set(self.shared.queue.free(bytes) as f64);
        accept(answers);
        Ok(())
    }

    /// Fills the batch. The snapshot it reads from is gone when the batch is written.
    fn build(
        &mut self,
        publishes: Vec<Publish>,
        groups: &[Arc<Group>],
        tidy_all: bool,
    ) -> store::Result<(Vec<Draft>, Vec<Answer>)> {
        self.batch.clear();
        let now = self.clock.now(publishes.iter().map(|publish| publish.at).max());
        let before = self.shared.store.snapshot()?;
        let mut round = Round::new(&mut self.batch, &*before, now);

        let mut counts = BTreeMap::new();
        for publish in &publishes {
            let (_, count) = counts.entry(publish.partition.place).or_insert((&publish.partition, 0));
            *count += publish.entries.len();
        }
        for (partition, count) in counts.into_values() {
            round.tidy(partition, count)?;
        }
        if tidy_all {
            for partition in self.shared.partitions() {
                round.tidy(&partition, 0)?;
            }
        }
        let mut answers = Vec::with_capacity(publishes.len());
        for Publish { partition, after, entries, answer, .. } in publishes {
            let published = match round.follows(&partition, after) {
                Ok(()) => Ok(round.publish(&partition, entries)?),
                Err(moved) => Err(moved),
            };
            answers.push((answer, published));
        }
        round.positions(groups);
        Ok((round.finish(), answers))
    }

    fn refuse(&mut self, answers: Vec<Answer>, error: store::Error) -> store::Result<()> {
        let published = !answers.is_empty();
        for (answer, _) in answers {
            let _ = answer.send(Err(Error::from_store(&error)));
        }
        match error {
            store::Error::Full { .. } => {
                tracing::warn!(%error, "a round was refused");
                // Removing what may go is the way out, and must not wait for room to publish.
                if published { self.round(Vec::new(), 0, true) } else { Ok(()) }
            }
            error => Err(error),
        }
    }

    fn report_lag(&self) {
        for stream in self.shared.streams.read().values() {
            let mut lags: BTreeMap<String, u64> = BTreeMap::new();
            for partition in &stream.partitions {
                let bounds = partition.bounds();
                for group in partition.groups.lock().values() {
                    *lags.entry(group.name.clone()).or_default() += group.unsettled(bounds);
                }
            }
            for (group, lag) in lags {
                let stream = stream.spec.read().name.to_string();
                gauge!(metric::LAG, "stream" => stream, "group" => group).set(lag as f64);
            }
        }
    }
}

fn accept(answers: Vec<Answer>) {
    for (answer, published) in answers {
        // Whoever asked may have gone; the messages are stored all the same.
        let _ = answer.send(published);
    }
}

fn take_over(drafts: Vec<Draft>) {
    for Draft { partition, stored, removed_to, .. } in drafts {
        if let Some(end) = removed_to {
            partition.removed(end);
        }
        if !stored.is_empty() {
            let stream = partition.spec.read().name.to_string();
            counter!(metric::PUBLISHED, "stream" => stream).increment(stored.len() as u64);
            partition.extend(stored);
        }
    }
}

/// Time that ages ids: from the wall clock at the start, by the monotonic clock from then on.
struct Clock {
    start: tokio::time::Instant,
    start_ms: u64,
    latest_ms: u64,
}

impl Clock {
    fn starting_at(start_ms: u64) -> Self {
        Self { start: tokio::time::Instant::now(), start_ms, latest_ms: start_ms }
    }

    fn now(&mut self, at: Option<tokio::time::Instant>) -> Now {
        let since = at.unwrap_or_else(tokio::time::Instant::now).saturating_duration_since(self.start);
        let steady_ms = self.start_ms.saturating_add(u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
        self.latest_ms = self.latest_ms.max(steady_ms);
        Now { wall_ms: now_ms(), steady_ms: self.latest_ms }
    }
}

struct Ending<'a>(&'a Shared);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.stop("its writer ended");
        self.0.queue.abandon();
    }
}
