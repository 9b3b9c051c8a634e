//! Reading without consuming.
//!
//! A few messages are read one by one at the stream's leader, some side by side. More are read through a consumer
//! that lives for the one read: five to seven times as fast from some hundred messages on (measured; the figures are
//! in ADR 10), and gone by itself after [`CONSUMER_LIFE`] where the reader dies. What it brings is taken only as far as it is
//! without a gap; the rest is read one by one.

use std::time::Duration;

use async_nats::{
    Message,
    jetstream::{
        consumer::{AckPolicy, Config, DeliverPolicy},
        stream::{RawMessageErrorKind, Stream},
    },
};
use bus::{Bounds, Stored};
use futures::{StreamExt, TryStreamExt};
use serde_json::{Value, json};

use super::Partition;
use crate::{
    Connection, Error, Result,
    api::{NO_MESSAGE, STREAM_NOT_FOUND},
    connection::chain,
    envelope,
    lane::ack,
};

/// Reads under way at once.
const AT_ONCE: usize = 64;
/// From so many messages on a consumer is worth its making.
const CONSUMER_MIN: u64 = 100;
const CONSUMER_LIFE: Duration = Duration::from_secs(10);
/// One answer is not larger, unless a single message is.
const BYTES_MAX: usize = 8 << 20;

impl Partition {
    pub(crate) async fn read(&self, connection: &Connection, from: u64, max: usize) -> Result<Vec<Stored>> {
        let stream = self.stream(connection).await?;
        if max == 1
            && from > 0
            && let Some(stored) = self.one(&stream, from).await?
        {
            return Ok(vec![stored]);
        }
        let Bounds { first, last } = self.bounds(connection).await?;
        let count = u64::try_from(max).unwrap_or(u64::MAX);
        let from = from.max(first);
        let to = last.min(from.saturating_add(count).saturating_sub(1));
        if count == 0 || from > to {
            return Ok(Vec::new());
        }
        if to - from >= CONSUMER_MIN {
            match self.through_consumer(connection, from, to).await {
                Ok(found) if !found.is_empty() => return Ok(found),
                Ok(_) => {}
                Err(error) => tracing::debug!(%error, name = self.name, "failed to read through a consumer"),
            }
        }
        self.one_by_one(&stream, from, to).await
    }

    async fn one_by_one(&self, stream: &Stream<()>, from: u64, to: u64) -> Result<Vec<Stored>> {
        let mut reads =
            futures::stream::iter(from..=to).map(|sequence| self.one(stream, sequence)).buffered(AT_ONCE);
        let (mut found, mut bytes) = (Vec::new(), 0);
        while let Some(stored) = reads.try_next().await? {
            let Some(stored) = stored else {
                // Removed since, from the front. Behind others it is one that a server does not know yet.
                if found.is_empty() {
                    continue;
                }
                break;
            };
            bytes += stored.message.size_bytes();
            if bytes > BYTES_MAX && !found.is_empty() {
                break;
            }
            found.push(stored);
        }
        Ok(found)
    }

    /// The messages from `from` on, without a gap, as far as they came.
    async fn through_consumer(&self, connection: &Connection, from: u64, to: u64) -> Result<Vec<Stored>> {
        let client = connection.client();
        let inbox = client.new_inbox();
        let name = inbox.rsplit('.').next().unwrap_or_default();
        let read = self.through(connection, &inbox, name, from, to).await;
        // Not waited for: it would go by itself, but for one on a server that is down, or that nobody said was made.
        let delete = format!("$JS.API.CONSUMER.DELETE.{}.{name}", self.name);
        let _ = client.publish(delete, bytes::Bytes::new()).await;
        read
    }

    async fn through(
        &self,
        connection: &Connection,
        inbox: &str,
        name: &str,
        from: u64,
        to: u64,
    ) -> Result<Vec<Stored>> {
        let client = connection.client();
        let mut replies = client.subscribe(inbox.to_owned()).await.map_err(|error| self.away(&error))?;
        let config = Config {
            name: Some(name.to_owned()),
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: from },
            ack_policy: AckPolicy::None,
            inactive_threshold: CONSUMER_LIFE,
            num_replicas: 1,
            memory_storage: true,
            ..Config::default()
        };
        let subject = format!("CONSUMER.CREATE.{}.{name}", self.name);
        let create = json!({ "stream_name": self.name, "config": config, "action": "create" });
        let _: Value = connection.api(&subject, &create).await?;
        let timeout = connection.options().timeout;
        let pull = json!({
            "batch": to - from + 1,
            "max_bytes": BYTES_MAX,
            "expires": u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX),
        });
        let next = format!("$JS.API.CONSUMER.MSG.NEXT.{}.{name}", self.name);
        client
            .publish_with_reply(next, inbox.to_owned(), pull.to_string().into())
            .await
            .map_err(|error| self.away(&error))?;
        let mut found: Vec<Stored> = Vec::new();
        let collect = async {
            while let Some(message) = replies.next().await {
                let wanted = from + found.len() as u64;
                match stored(message).filter(|stored| stored.sequence == wanted) {
                    Some(stored) => found.push(stored),
                    // The end of the request, or a gap.
                    None => return,
                }
                if wanted == to {
                    return;
                }
            }
        };
        // What came until then is as good.
        let _ = tokio::time::timeout(timeout, collect).await;
        Ok(found)
    }

    async fn stream(&self, connection: &Connection) -> Result<Stream<()>> {
        connection.context().get_stream_no_info(&self.name).await.map_err(|error| self.away(&error))
    }

    fn away(&self, error: &dyn std::error::Error) -> Error {
        Error::Away { reason: format!("failed to read `{}`: {}", self.name, chain(error)) }
    }

    async fn one(&self, stream: &Stream<()>, sequence: u64) -> Result<Option<Stored>> {
        match stream.get_raw_message(sequence).await {
            Ok(raw) => {
                let ms = raw.time.unix_timestamp_nanos() / 1_000_000;
                Ok(Some(Stored {
                    sequence: raw.sequence,
                    accepted_at_ms: u64::try_from(ms).unwrap_or(0),
                    message: envelope::open(Some(&raw.headers), raw.payload),
                }))
            }
            Err(error) => match error.kind() {
                RawMessageErrorKind::NoMessageFound => Ok(None),
                RawMessageErrorKind::JetStream(refused) if refused.error_code().0 == NO_MESSAGE => Ok(None),
                RawMessageErrorKind::JetStream(refused) if refused.error_code().0 == STREAM_NOT_FOUND => {
                    Err(self.unknown())
                }
                _ => Err(self.away(&error)),
            },
        }
    }
}

/// A delivery as a message; none when it is something else.
fn stored(message: Message) -> Option<Stored> {
    let ack = ack::parse(message.reply.as_ref().filter(|_| message.status.is_none())?)?;
    Some(Stored {
        sequence: ack.sequence,
        accepted_at_ms: ack.stored_at_ns / 1_000_000,
        message: envelope::open(message.headers.as_ref(), message.payload),
    })
}
