//! The way out. Each partition has one task and one flight under way: whatever waits meanwhile makes up the next one, so
//! that an idle bus adds no delay and a busy one sends large batches. What waits is bounded in bytes, over all
//! partitions.

mod failure;
mod flight;
mod wire;

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use bus::{Published, Unread};
use metrics::Gauge;
use model::Message;
use tokio::{
    sync::{mpsc::UnboundedReceiver, oneshot},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use crate::{
    Connection, Error, Result,
    envelope::{self, Envelope, OVERHEAD_BYTES},
    lane::retention,
    metric,
    stream::{MESSAGE_BYTES_MAX, Partition},
};
use failure::Failure;
use flight::Flight;

/// Messages of one atomic batch at most, by the server's measure.
const FLIGHT_MESSAGES_MAX: usize = 1000;
/// A flight is not larger, unless a single message is.
const FLIGHT_BYTES_MAX: usize = 4 << 20;

/// What may wait in front of the network.
pub(crate) struct Queue {
    bytes: AtomicUsize,
    bytes_max: usize,
    // Told of each change: two that set it would set it in either order.
    shown: Gauge,
}

impl Queue {
    pub(crate) fn new(bytes_max: usize) -> Arc<Self> {
        let shown = metrics::gauge!(metric::QUEUE);
        shown.set(0);
        Arc::new(Self { bytes: AtomicUsize::new(0), bytes_max, shown })
    }

    /// Makes room for `bytes`. What is larger than the whole queue is let in alone.
    fn reserve(self: &Arc<Self>, bytes: usize) -> Result<Room> {
        let before = self.bytes.fetch_add(bytes, Relaxed);
        self.shown.increment(bytes as f64);
        let room = Room { queue: Arc::clone(self), bytes };
        if before > 0 && before + bytes > self.bytes_max {
            return Err(Error::Overloaded { queued_bytes: before, queued_bytes_max: self.bytes_max });
        }
        Ok(room)
    }
}

/// Room in the queue, until it is dropped.
struct Room {
    queue: Arc<Queue>,
    bytes: usize,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.queue.bytes.fetch_sub(self.bytes, Relaxed);
        self.queue.shown.decrement(self.bytes as f64);
    }
}

/// A message as servers get it, unless it is larger than they take.
pub(crate) fn sealed(message: Message) -> Result<Envelope> {
    let envelope = envelope::seal(message);
    if envelope.bytes > MESSAGE_BYTES_MAX {
        let bytes_max = MESSAGE_BYTES_MAX - OVERHEAD_BYTES;
        return Err(Error::TooLarge { bytes: envelope.bytes - OVERHEAD_BYTES, bytes_max });
    }
    Ok(envelope)
}

/// A message on its way.
pub(crate) struct Item {
    envelope: Envelope,
    id: String,
    key: String,
}

/// One call of `publish` or `append`.
pub(crate) struct Job {
    /// Of an append: the sequence it is to follow.
    after: Option<u64>,
    items: Vec<Item>,
    since: Instant,
    answer: oneshot::Sender<Result<Vec<Published>>>,
    _room: Room,
    /// Where each of the first items stands.
    done: Vec<Published>,
}

pub(crate) type Answer = oneshot::Receiver<Result<Vec<Published>>>;

impl Job {
    pub(crate) fn new(queue: &Arc<Queue>, after: Option<u64>, batch: Vec<Message>) -> Result<(Self, Answer)> {
        let mut items = Vec::with_capacity(batch.len());
        let mut total = 0;
        for message in batch {
            let (id, key) = (message.id.clone(), message.key.clone());
            let envelope = sealed(message)?;
            total += envelope.bytes;
            items.push(Item { envelope, id, key });
        }
        let room = queue.reserve(total)?;
        let (answer, answered) = oneshot::channel();
        let job = Self { after, items, since: Instant::now(), answer, _room: room, done: Vec::new() };
        Ok((job, answered))
    }

    fn is_done(&self) -> bool {
        self.done.len() == self.items.len()
    }

    fn fail(self, failure: Failure) {
        let took_part = !self.done.is_empty();
        // Nobody may be waiting any more.
        let _ = self.answer.send(Err(failure.into_error(took_part)));
    }

    fn succeed(self) {
        let _ = self.answer.send(Ok(self.done));
    }
}

/// The task of one partition: takes jobs until there are no more, or until it is to stop and none is left.
pub(crate) async fn run(
    connection: Connection,
    partition: Arc<Partition>,
    mut jobs: UnboundedReceiver<Job>,
    stop: CancellationToken,
) {
    // There before it happens.
    metrics::counter!(metric::UNKNOWN, "stream" => partition.stream.clone()).increment(0);
    let mut waiting: VecDeque<Job> = VecDeque::new();
    let mut tidied = Instant::now();
    loop {
        if waiting.is_empty() {
            let job = tokio::select! {
                job = jobs.recv() => job,
                () = stop.cancelled() => jobs.try_recv().ok(),
            };
            match job {
                Some(job) => waiting.push_back(job),
                None => return,
            }
        }
        while let Ok(job) = jobs.try_recv() {
            waiting.push_back(job);
        }
        if waiting.front().is_some_and(|job| job.after.is_some()) {
            if let Some(job) = waiting.pop_front() {
                append(&connection, &partition, job).await;
            }
            continue;
        }
        let flight = Flight::fill(&waiting);
        let began = Instant::now();
        let outcomes = flight.fly(&connection, &partition, &waiting).await;
        metrics::histogram!(metric::COMMIT).record(began.elapsed());
        settle(&partition, &mut waiting, outcomes);
        // Readers see to retention. Where there may be none, those who write do.
        let unread = partition.spec.read().unread;
        if unread == Unread::LetGo && tidied.elapsed() >= connection.options().tidy {
            tidied = Instant::now();
            if let Err(error) = retention::tidy(&connection, &partition).await {
                let (stream, partition) = (&partition.stream, partition.number);
                tracing::debug!(stream, partition, %error, "what may go stays for now");
            }
        }
    }
}

/// Takes over what became of the next items of each job, and answers those that are done for.
fn settle(partition: &Partition, waiting: &mut VecDeque<Job>, outcomes: Vec<flight::Outcomes>) {
    let mut stored = 0;
    for outcomes in outcomes {
        let Some(mut job) = waiting.pop_front() else { break };
        let mut failed = None;
        for outcome in outcomes {
            match outcome {
                Ok(published) => {
                    stored += u64::from(!published.duplicate);
                    job.done.push(published);
                }
                Err(failure) => {
                    failed = Some(failure);
                    break;
                }
            }
        }
        match failed {
            Some(failure) => job.fail(failure),
            None if job.is_done() => job.succeed(),
            // Only the last job of a flight goes on in the next.
            None => waiting.push_front(job),
        }
    }
    metrics::counter!(metric::PUBLISHED, "stream" => partition.stream.clone()).increment(stored);
}

async fn append(connection: &Connection, partition: &Arc<Partition>, mut job: Job) {
    match flight::append(connection, partition, &job).await {
        Ok(last) => {
            let count = job.items.len() as u64;
            metrics::counter!(metric::PUBLISHED, "stream" => partition.stream.clone()).increment(count);
            job.done =
                (last + 1 - count..=last).map(|sequence| Published { sequence, duplicate: false }).collect();
            job.succeed();
        }
        Err(failure) => job.fail(failure),
    }
}
