//! Messages on the wire, and what the answers mean.

use async_nats::{
    HeaderMap, HeaderValue,
    jetstream::{
        context::{PublishAckFuture, PublishError, PublishErrorKind},
        message::PublishMessage,
        publish::PublishAck,
    },
};
use futures::{FutureExt, StreamExt, stream::FuturesUnordered};

use super::{Failure, Item};
use crate::{Connection, Link, api::refusal, connection::chain, envelope, stream::Partition};

const BATCH_ID: &str = "Nats-Batch-Id";
const BATCH_SEQUENCE: &str = "Nats-Batch-Sequence";
const BATCH_COMMIT: &str = "Nats-Batch-Commit";
const EXPECTED_LAST: &str = "Nats-Expected-Last-Sequence";

/// What became of a message, or of a batch.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// It is durable. Of a batch: the sequence of its last message.
    Stored { sequence: u64, duplicate: bool },
    /// Not stored, because something of it already is.
    Duplicate,
    /// Not stored, because the last sequence is another.
    Moved,
    /// Not stored for now.
    Later(String),
    /// Not stored, and never will be.
    Refused(Failure),
    /// Stored or not.
    Unknown(String),
}

pub(super) struct Wire<'a> {
    pub(super) connection: &'a Connection,
    pub(super) partition: &'a Partition,
}

impl Wire<'_> {
    /// Sends messages one after the other without waiting in between; answers in their order.
    pub(super) async fn singles(&self, items: &[(&Item, bool)]) -> Vec<Answer> {
        let link = *self.connection.link().borrow();
        let mut acks = Vec::with_capacity(items.len());
        for (item, with_id) in items {
            let mut headers = item.envelope.headers();
            if !with_id {
                headers = headers
                    .iter()
                    .filter(|(name, _)| AsRef::<str>::as_ref(*name) != envelope::ID)
                    .flat_map(|(name, values)| values.iter().map(|v| (name.clone(), v.clone())))
                    .collect();
            }
            acks.push(self.send(item, headers).await);
        }
        self.answers(link, acks, items.iter().map(|(item, _)| item.envelope.bytes)).await
    }

    /// Sends messages that are stored together or not at all; `after` is the sequence they are to follow.
    pub(super) async fn batch(&self, items: &[&Item], after: Option<u64>) -> Answer {
        let link = *self.connection.link().borrow();
        let inbox = self.connection.client().new_inbox();
        let id = inbox.rsplit('.').next().unwrap_or(&inbox);
        let bytes = items.iter().map(|item| item.envelope.bytes).sum();
        for (at, item) in items.iter().enumerate() {
            let mut headers = item.envelope.headers();
            if let Some(after) = after.filter(|_| at == 0) {
                headers.insert(EXPECTED_LAST, HeaderValue::from(after));
            }
            if items.len() > 1 {
                headers.insert(BATCH_ID, id);
                headers.insert(BATCH_SEQUENCE, HeaderValue::from(at + 1));
            }
            if at + 1 == items.len() {
                if items.len() > 1 {
                    headers.insert(BATCH_COMMIT, "1");
                }
                let ack = self.send(item, headers).await;
                let answer = self.answers(link, vec![ack], [bytes]).await.pop();
                return answer.unwrap_or_else(|| Answer::Unknown("no answer".to_owned()));
            }
            let client = self.connection.client();
            let sent = client.publish_with_headers(
                self.partition.subject.clone(),
                headers,
                item.envelope.payload.clone(),
            );
            match tokio::time::timeout(self.connection.options().timeout, sent).await {
                Ok(Ok(())) => {}
                // Without its last message the batch is dropped by the server.
                Ok(Err(error)) => return Answer::Later(chain(&error)),
                Err(_) => return Answer::Later("the connection takes nothing more".to_owned()),
            }
        }
        Answer::Later("nothing to send".to_owned())
    }

    async fn send(&self, item: &Item, headers: HeaderMap) -> Result<PublishAckFuture, PublishError> {
        let message = PublishMessage::build().headers(headers).payload(item.envelope.payload.clone());
        self.connection.context().send_publish(self.partition.subject.clone(), message).await
    }

    /// Waits for answers until the connection is lost, which is when those that are missing become unknown.
    async fn answers(
        &self,
        link: Link,
        acks: Vec<Result<PublishAckFuture, PublishError>>,
        bytes: impl IntoIterator<Item = usize>,
    ) -> Vec<Answer> {
        let mut answers = vec![Answer::Unknown("the connection was lost".to_owned()); acks.len()];
        let mut take = |at: usize, answer: Answer| {
            if let Some(place) = answers.get_mut(at) {
                *place = answer;
            }
        };
        let mut open = FuturesUnordered::new();
        for ((at, ack), bytes) in acks.into_iter().enumerate().zip(bytes) {
            match ack {
                Ok(ack) => open.push(async move { (at, answer(ack.await, bytes)) }),
                // It may have been handed over all the same.
                Err(error) => take(at, answer(Err(error), bytes)),
            }
        }
        let mut state = self.connection.link();
        let lost = state.wait_for(|now| now.losses != link.losses).map(drop);
        tokio::pin!(lost);
        loop {
            tokio::select! {
                biased;
                next = open.next() => match next {
                    Some((at, answer)) => take(at, answer),
                    None => return answers,
                },
                () = &mut lost => break,
            }
        }
        while let Some(Some((at, answer))) = open.next().now_or_never() {
            take(at, answer);
        }
        answers
    }
}

fn answer(ack: Result<PublishAck, PublishError>, bytes: usize) -> Answer {
    let error = match ack {
        Ok(ack) => return Answer::Stored { sequence: ack.sequence, duplicate: ack.duplicate },
        Err(error) => error,
    };
    match (error.kind(), refusal(&error)) {
        (_, Some((code, what))) => {
            match code {
                10071 | 10164 => Answer::Moved,
                10201 => Answer::Duplicate,
                // Another one with the same id is on its way; too many batches; a batch that lost a part; no leader.
                10158 | 10167 | 10176 | 10210 | 10006..=10009 => Answer::Later(what),
                _ => Answer::Refused(Failure::refused(code, &what, bytes)),
            }
        }
        (PublishErrorKind::WrongLastSequence, None) => Answer::Moved,
        (PublishErrorKind::StreamNotFound, None) => {
            Answer::Later("no server takes messages for it".to_owned())
        }
        (PublishErrorKind::MaxPayloadExceeded, None) => {
            Answer::Refused(Failure::TooLarge { bytes, bytes_max: crate::stream::MESSAGE_BYTES_MAX })
        }
        _ => Answer::Unknown(chain(&error)),
    }
}
