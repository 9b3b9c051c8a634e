//! Asking the server for deliveries: one request under way at a time, of bounded messages, bytes and life, with a
//! heartbeat, so that silence means something.

use std::time::Duration;

use async_nats::{Message, StatusCode, Subscriber};
use futures::StreamExt;
use serde_json::json;
use tokio::time::Instant;

use crate::{Connection, Error, Fault, Result, connection::chain};

/// Messages of one request at most.
const MESSAGES_MAX: usize = 1000;
/// Read ahead at most, in bytes of messages.
pub(crate) const AHEAD_BYTES_MAX: usize = 8 << 20;
const EXPIRES: Duration = Duration::from_secs(30);
const HEARTBEAT: Duration = Duration::from_secs(5);
/// Two heartbeats and a little.
const SILENCE_MAX: Duration = Duration::from_secs(11);
const CLOSE_MAX: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(200);

pub(crate) struct Pull {
    connection: Connection,
    subject: String,
    inbox: String,
    replies: Subscriber,
    /// Which request this is: the last token of its inbox.
    number: u64,
    /// How many messages it may still bring; 0 when none is under way.
    open: usize,
    /// When something was last heard of it.
    heard: Instant,
    /// Not before this.
    pause: Instant,
    batch: usize,
}

/// What came.
pub(crate) enum Reply {
    Delivery(Message),
    /// The consumer is gone.
    Gone,
    Nothing,
}

impl Pull {
    pub(crate) async fn open(
        connection: &Connection,
        stream: &str,
        consumer: &str,
        credits: usize,
    ) -> Result<Self> {
        let inbox = connection.client().new_inbox();
        let replies = connection.client().subscribe(format!("{inbox}.*")).await;
        let replies = replies.map_err(|error| Error::Away { reason: chain(&error) })?;
        let now = Instant::now();
        Ok(Self {
            connection: connection.clone(),
            subject: format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"),
            inbox,
            replies,
            number: 0,
            open: 0,
            heard: now,
            pause: now,
            batch: credits.clamp(1, MESSAGES_MAX),
        })
    }

    /// Waits for the next reply. Cancel-safe. None once the connection is closed.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        self.replies.next().await
    }

    /// The next reply, if it is there.
    pub(crate) fn ready(&mut self) -> Option<Message> {
        futures::FutureExt::now_or_never(self.replies.next()).flatten()
    }

    pub(crate) fn take(&mut self, message: Message) -> Reply {
        let now = Instant::now();
        self.heard = now;
        let Some(status) = message.status else {
            self.open = self.open.saturating_sub(1);
            return Reply::Delivery(message);
        };
        if status == StatusCode::IDLE_HEARTBEAT {
            return Reply::Nothing;
        }
        let what = message.description.as_deref().unwrap_or_default();
        if status == StatusCode::REQUEST_TERMINATED && what.contains("Consumer Deleted") {
            return Reply::Gone;
        }
        // Of an earlier request it says nothing new.
        if message.subject.as_str().rsplit('.').next() == Some(self.number.to_string().as_str()) {
            let in_order =
                status == StatusCode::TIMEOUT || what.contains("MaxBytes") || what.contains("Completed");
            if !in_order && self.is_trusting() {
                return Reply::Nothing;
            }
            self.open = 0;
            if !in_order {
                tracing::debug!(%status, what, self.subject, "a pull ended");
                self.pause = now + PAUSE;
            }
        }
        Reply::Nothing
    }

    /// Asks for more, if nothing is asked for and there is room.
    pub(crate) async fn ask(&mut self, ahead_bytes: usize) {
        let room = AHEAD_BYTES_MAX.saturating_sub(ahead_bytes);
        let now = Instant::now();
        if self.open > 0 || room < AHEAD_BYTES_MAX / 2 || now < self.pause || !self.connection.connected() {
            return;
        }
        self.number += 1;
        let request = json!({
            "batch": self.batch,
            "max_bytes": room,
            "expires": EXPIRES.as_nanos() as u64,
            "idle_heartbeat": if self.is_trusting() { 0 } else { HEARTBEAT.as_nanos() as u64 },
        });
        let reply = format!("{}.{}", self.inbox, self.number);
        let client = self.connection.client();
        let sent = client.publish_with_reply(self.subject.clone(), reply, request.to_string().into());
        match tokio::time::timeout(self.connection.options().timeout, sent).await {
            Ok(Ok(())) => (self.open, self.heard) = (self.batch, now),
            _ => self.pause = now + PAUSE,
        }
    }

    /// Forgets the request that is under way: it may have been lost.
    pub(crate) fn again(&mut self) {
        self.open = 0;
    }

    /// Whether a request is under way and its heartbeats have stopped.
    pub(crate) fn is_silent(&self) -> bool {
        self.open > 0 && self.heard.elapsed() > SILENCE_MAX && !self.is_trusting()
    }

    /// Whether the planted bug is there.
    pub(crate) fn is_trusting(&self) -> bool {
        self.connection.options().fault == Some(Fault::TrustPulls)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open > 0
    }

    /// Listens no more.
    pub(crate) async fn close(&mut self) {
        // Handing it over waits for as long as the connection takes nothing more.
        let _ = tokio::time::timeout(CLOSE_MAX, self.replies.unsubscribe()).await;
    }
}
