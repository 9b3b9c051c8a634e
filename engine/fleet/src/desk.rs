//! Questions and answers over NATS itself: at most once, nothing kept.

use std::{sync::Arc, time::Duration};

use async_nats::client::{Request, RequestErrorKind};
use async_trait::async_trait;
use bus::{Answer, Answering, Requests};
use bytes::Bytes;
use futures::StreamExt;
use tokio::{sync::Semaphore, task::JoinSet};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use crate::{Connection, Error, Result, connection::chain};

/// Questions of one subject that are answered at once; past it they wait.
const AT_ONCE: usize = 256;

/// Asks and answers. Clones share it.
#[derive(Clone)]
pub struct Desk {
    connection: Connection,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Desk {
    /// Over this connection.
    #[must_use]
    pub fn new(connection: &Connection) -> Self {
        Self { connection: connection.clone(), tasks: TaskTracker::new(), stop: CancellationToken::new() }
    }

    /// Answers nothing more, and waits for what is being answered.
    pub async fn close(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

#[async_trait]
impl Requests for Desk {
    async fn ask(&self, subject: &str, question: Bytes, patience: Duration) -> Result<Bytes> {
        let nobody = || Error::NoAnswer { subject: subject.to_owned() };
        if !self.connection.connected() {
            return Err(Error::Away { reason: "no NATS server is there".to_owned() });
        }
        let bytes = question.len();
        let request = Request::new().payload(question).timeout(Some(patience));
        let asked = self.connection.client().send_request(self.connection.names().question(subject), request);
        // Handing it over takes as long as the connection is full.
        let answer = tokio::time::timeout(patience, asked).await.map_err(|_| nobody())?;
        answer.map(|answer| answer.payload).map_err(|error| match error.kind() {
            RequestErrorKind::NoResponders | RequestErrorKind::TimedOut => nobody(),
            RequestErrorKind::MaxPayloadExceeded => {
                Error::TooLarge { bytes, bytes_max: self.connection.client().max_payload() }
            }
            _ => Error::Away { reason: chain(&error) },
        })
    }

    async fn answer(&self, subject: &str, by: Arc<dyn Answer>) -> Result<Answering> {
        if self.stop.is_cancelled() {
            return Err(Error::Unavailable { reason: "it is closed".to_owned() });
        }
        let subject = self.connection.names().question(subject);
        let client = self.connection.client().clone();
        // A queue, so that a question goes to one of those who answer.
        let questions = client.queue_subscribe(subject.clone(), "answer".to_owned()).await;
        let mut questions = questions.map_err(|error| Error::Away { reason: chain(&error) })?;
        // So that whoever is told now that somebody answers finds it so.
        let _ = client.flush().await;
        let stop = self.stop.child_token();
        let guard: DropGuard = stop.clone().drop_guard();
        self.tasks.spawn(async move {
            let room = Arc::new(Semaphore::new(AT_ONCE));
            let mut answers = JoinSet::new();
            loop {
                while answers.try_join_next().is_some() {}
                let next = tokio::select! {
                    next = questions.next() => next,
                    () = stop.cancelled() => None,
                };
                let Some(question) = next else { break };
                let Some(reply) = question.reply else { continue };
                let Ok(permit) = Arc::clone(&room).acquire_owned().await else { break };
                let (by, client) = (Arc::clone(&by), client.clone());
                answers.spawn(async move {
                    let answer = by.answer(question.payload).await;
                    if let Err(error) = client.publish(reply, answer).await {
                        tracing::warn!(error = chain(&error), "failed to send an answer");
                    }
                    drop(permit);
                });
            }
            if let Err(error) = questions.unsubscribe().await {
                tracing::debug!(%error, subject, "failed to stop listening");
            }
            while answers.join_next().await.is_some() {}
        });
        Ok(Answering::new(guard))
    }
}
