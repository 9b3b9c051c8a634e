//! Requests on their way: a fixed number of writers, each with a short queue.

use std::time::Duration;

use reqwest::StatusCode;
use tokio::{
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender, error::TryRecvError},
    task::JoinSet,
};

use super::item::Item;
use crate::{
    exit::Result,
    messages::Numbered,
    remote::{self, NodeClient, Problem},
};

/// Items that wait for one writer; a reader that is faster waits.
const QUEUE: usize = 8;

/// Pauses while the node is busy or away: doubling, and at the longest until it is given up.
const PAUSE_FIRST: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// How long one item is tried: a node that restarts is back by then.
const GIVE_UP_AFTER: Duration = Duration::from_secs(60);

/// What became of one item.
pub(super) struct Answer {
    /// Where its line begins.
    pub(super) start: u64,
    /// Which line.
    pub(super) number: usize,
    pub(super) outcome: Outcome,
}

pub(super) enum Outcome {
    Accepted,
    /// For good.
    Refused(Problem),
    /// There was no answer, or only "not now", for too long.
    GaveUp(anyhow::Error),
}

struct Sent {
    start: u64,
    number: usize,
    item: Item,
}

pub(super) struct Senders {
    queues: Vec<mpsc::Sender<Sent>>,
    // Holds at most what the queues and the writers hold: each item answers once.
    answers: UnboundedReceiver<Answer>,
    writers: JoinSet<()>,
}

impl Senders {
    pub(super) fn start(client: NodeClient, writers: usize) -> Self {
        let (answered, answers) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        let queues = (0..writers.max(1)).map(|_| {
            let (queue, items) = mpsc::channel(QUEUE);
            tasks.spawn(write(client.clone(), items, answered.clone()));
            queue
        });
        Self { queues: queues.collect(), answers, writers: tasks }
    }

    /// Hands an item to the writer of its lane; waits while that one's queue is full. A writer that gave up is gone and
    /// takes no more: that comes with the answers.
    pub(super) async fn send(&self, line: &Numbered, item: Item) {
        let at = usize::try_from(item.lane % self.queues.len() as u64).unwrap_or(0);
        let sent = Sent { start: line.offset, number: line.number, item };
        if let Some(queue) = self.queues.get(at) {
            let _ = queue.send(sent).await;
        }
    }

    /// Hands over the answers there are.
    ///
    /// # Errors
    /// The first that `take` does not like.
    pub(super) fn take_answers(&mut self, mut take: impl FnMut(Answer) -> Result<()>) -> Result<()> {
        loop {
            match self.answers.try_recv() {
                Ok(answer) => take(answer)?,
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return Ok(()),
            }
        }
    }

    /// Waits for everything on its way.
    ///
    /// # Errors
    /// The first answer that `take` does not like; the others are taken all the same.
    pub(super) async fn finish(mut self, mut take: impl FnMut(Answer) -> Result<()>) -> Result<()> {
        self.queues.clear();
        let mut first = Ok(());
        while let Some(answer) = self.answers.recv().await {
            let taken = take(answer);
            if first.is_ok() {
                first = taken;
            }
        }
        while self.writers.join_next().await.is_some() {}
        first
    }
}

async fn write(client: NodeClient, mut items: mpsc::Receiver<Sent>, answered: UnboundedSender<Answer>) {
    while let Some(Sent { start, number, item }) = items.recv().await {
        let outcome = deliver(&client, &item).await;
        let gave_up = matches!(outcome, Outcome::GaveUp(_));
        // Later items of the same lane must not overtake one that was given up.
        if answered.send(Answer { start, number, outcome }).is_err() || gave_up {
            return;
        }
    }
}

/// Sends one item until there is an answer that lasts.
async fn deliver(client: &NodeClient, item: &Item) -> Outcome {
    let mut pause = PAUSE_FIRST;
    let mut waited = Duration::ZERO;
    loop {
        let mut request = client.request(item.method.clone(), &item.path);
        if let Some((body, key)) = &item.post {
            request = request.header("content-type", "application/json").header("idempotency-key", key);
            request = request.body(body.clone());
        }
        let Err(error) = remote::answer(request).await else { return Outcome::Accepted };
        if let Some(problem) = error.downcast_ref::<Problem>()
            && !not_now(problem.status)
        {
            return Outcome::Refused(problem.clone());
        }
        if waited >= GIVE_UP_AFTER {
            return Outcome::GaveUp(error);
        }
        tokio::time::sleep(pause).await;
        waited += pause;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

fn not_now(status: u16) -> bool {
    let not_now = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE, StatusCode::BAD_GATEWAY];
    not_now.iter().any(|code| code.as_u16() == status)
}
