//! Agreed values over a JetStream key-value bucket, the same as the `nats kv` commands show.

use std::time::Duration;

use async_nats::{
    HeaderMap, HeaderValue,
    jetstream::{
        consumer::{DeliverPolicy, push},
        context::{PublishError, PublishErrorKind},
        message::PublishMessage,
        publish::PublishAck,
        stream::{LastRawMessageErrorKind, Stream},
    },
};
use async_trait::async_trait;
use bus::{Change, Kept, KeyValue, Watch};
use bytes::Bytes;
use futures::StreamExt;

use crate::{
    Connection, Error, Result,
    api::{NO_MESSAGE, Trouble, refusal},
    connection::{chain, unfit},
    stream::{bucket, ensure},
};

const OPERATION: &str = "KV-Operation";
const DELETE: &str = "DEL";
const EXPECTED: &str = "Nats-Expected-Last-Subject-Sequence";

/// Changes answered at once by a watch that lags behind.
const CHANGES_MAX: usize = 256;

/// A bucket of agreed values. Clones share it.
#[derive(Clone)]
pub struct Keys {
    connection: Connection,
    /// What JetStream calls the stream behind it.
    stream: String,
    /// What a key's subject begins with.
    subject: String,
}

/// What is under a key, and what its last change was, also where that removed it.
struct Found {
    kept: Option<Kept>,
    revision: u64,
}

impl Keys {
    /// The bucket `name`, made if it is not there. Its full name begins with the connection's prefix.
    ///
    /// # Errors
    /// [`Error::Unfit`] when it exists and is not as this needs it; [`Error::Away`].
    pub async fn open(connection: &Connection, name: &str) -> Result<Self> {
        let name = connection.names().bucket(name);
        if !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
            return Err(unfit(format!("`{name}` is no name for a bucket: use a-z, 0-9, `-` and `_`")));
        }
        ensure(connection, &bucket(connection, &name)).await?;
        Ok(Self {
            connection: connection.clone(),
            stream: format!("KV_{name}"),
            subject: format!("$KV.{name}."),
        })
    }

    /// What the `nats kv` commands call it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.stream.trim_start_matches("KV_")
    }

    async fn stream(&self) -> Result<Stream<()>> {
        let stream = self.connection.context().get_stream_no_info(&self.stream).await;
        stream.map_err(|error| self.away(&error))
    }

    fn away(&self, error: &dyn std::error::Error) -> Error {
        Error::Away { reason: format!("`{}`: {}", self.stream, chain(error)) }
    }

    async fn find(&self, key: &str) -> Result<Option<Found>> {
        let subject = format!("{}{}", self.subject, valid(key)?);
        let patience = self.connection.options().timeout;
        Ok(self
            .connection
            .patiently(patience, &self.stream, |at_most| self.look(key, &subject, at_most))
            .await?)
    }

    async fn look(
        &self,
        key: &str,
        subject: &str,
        at_most: Duration,
    ) -> std::result::Result<Option<Found>, Trouble> {
        let stream = self.stream().await.map_err(|error| Trouble::Away(error.to_string()))?;
        let found = tokio::time::timeout(at_most, stream.get_last_raw_message_by_subject(subject)).await;
        let error = match found {
            Err(_) => return Err(Trouble::Away(format!("no answer about `{key}` within {at_most:?}"))),
            Ok(Err(error)) => error,
            Ok(Ok(raw)) => {
                let gone = raw.headers.get(OPERATION).is_some();
                let kept = Kept { key: key.to_owned(), value: raw.payload, revision: raw.sequence };
                return Ok(Some(Found { kept: (!gone).then_some(kept), revision: raw.sequence }));
            }
        };
        match error.kind() {
            LastRawMessageErrorKind::NoMessageFound => Ok(None),
            LastRawMessageErrorKind::JetStream(refused) if refused.error_code().0 == NO_MESSAGE => Ok(None),
            _ => Err(Trouble::Away(chain(&error))),
        }
    }

    /// Writes if the last change of the key, its removal included, is `expected`.
    async fn write(&self, key: &str, value: Bytes, expected: u64, operation: Option<&str>) -> Result<u64> {
        let mut headers = HeaderMap::new();
        headers.insert(EXPECTED, HeaderValue::from(expected));
        if let Some(operation) = operation {
            headers.insert(OPERATION, operation);
        }
        let message = PublishMessage::build().headers(headers).payload(value);
        let subject = format!("{}{}", self.subject, valid(key)?);
        let patience = self.connection.options().timeout;
        let written = self
            .connection
            .patiently(patience, &self.stream, |_| self.send(&subject, message.clone()))
            .await?;
        let error = match written {
            Ok(ack) => return Ok(ack.sequence),
            Err(error) => error,
        };
        match (error.kind(), refusal(&error)) {
            (_, Some((10071 | 10164, _))) | (PublishErrorKind::WrongLastSequence, _) => {
                Err(Error::Conflict { key: key.to_owned() })
            }
            (_, Some((code, what))) => match crate::api::full(code, &what) {
                Some(full) => Err(full),
                None => Err(self.away(&error)),
            },
            _ => Err(self.away(&error)),
        }
    }

    /// Trouble where nobody has taken it: only then may it be sent again.
    async fn send(
        &self,
        subject: &str,
        message: PublishMessage,
    ) -> std::result::Result<std::result::Result<PublishAck, PublishError>, Trouble> {
        let sent = match self.connection.context().send_publish(subject.to_owned(), message).await {
            Ok(ack) => ack.await,
            Err(error) => Err(error),
        };
        match sent {
            Err(error) if error.kind() == PublishErrorKind::StreamNotFound && refusal(&error).is_none() => {
                Err(Trouble::Away("no server takes what is written".to_owned()))
            }
            sent => Ok(sent),
        }
    }
}

fn valid(key: &str) -> Result<&str> {
    let fits = !key.is_empty()
        && key.split('.').all(|token| !token.is_empty())
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/' | b'='));
    if fits { Ok(key) } else { Err(unfit(format!("`{key}` is no key: use a-z, 0-9, `-`, `_`, `.` and `/`"))) }
}

#[async_trait]
impl KeyValue for Keys {
    async fn get(&self, key: &str) -> Result<Option<Kept>> {
        Ok(self.find(key).await?.and_then(|found| found.kept))
    }

    async fn put(&self, key: &str, value: Bytes, expected: u64) -> Result<u64> {
        let conflict = match self.write(key, value.clone(), expected, None).await {
            Err(Error::Conflict { key }) if expected == 0 => Error::Conflict { key },
            written => return written,
        };
        // Gone is as good as never there, but its removal is what the server counts.
        match self.find(key).await? {
            Some(Found { kept: None, revision }) => self.write(key, value, revision, None).await,
            _ => Err(conflict),
        }
    }

    async fn remove(&self, key: &str, expected: u64) -> Result<()> {
        match self.find(key).await?.and_then(|found| found.kept) {
            None => Ok(()),
            Some(kept) if kept.revision != expected => Err(Error::Conflict { key: key.to_owned() }),
            Some(_) => self.write(key, Bytes::new(), expected, Some(DELETE)).await.map(drop),
        }
    }

    async fn watch(&self, prefix: &str) -> Result<Box<dyn Watch>> {
        let config = push::OrderedConfig {
            deliver_subject: self.connection.client().new_inbox(),
            description: Some("watches keys".to_owned()),
            filter_subject: format!("{}>", self.subject),
            deliver_policy: DeliverPolicy::LastPerSubject,
            ..push::OrderedConfig::default()
        };
        let consumer =
            self.stream().await?.create_consumer(config).await.map_err(|error| self.away(&error))?;
        let there = consumer.cached_info().num_pending;
        let messages = consumer.messages().await.map_err(|error| self.away(&error))?;
        Ok(Box::new(Watching {
            keys: self.clone(),
            messages,
            prefix: format!("{}{prefix}", self.subject),
            there: Some((there, Vec::new())),
        }))
    }
}

struct Watching {
    keys: Keys,
    messages: push::Ordered,
    prefix: String,
    /// How many of the first are still to come, and those that came. None once they were answered.
    there: Option<(u64, Vec<Change>)>,
}

impl Watching {
    /// A message as a change, none when it is of another prefix.
    fn change(&self, message: async_nats::jetstream::Message) -> Option<Change> {
        let message = message.message;
        let sequence = message.reply.as_ref().and_then(|reply| crate::lane::ack::parse(reply));
        let subject = message.subject.as_str();
        let key = subject.strip_prefix(&self.keys.subject).filter(|_| subject.starts_with(&self.prefix))?;
        let key = key.to_owned();
        let gone = message.headers.as_ref().is_some_and(|headers| headers.get(OPERATION).is_some());
        Some(if gone {
            Change::Gone { key }
        } else {
            Change::Put(Kept { key, value: message.payload, revision: sequence?.sequence })
        })
    }

    async fn message(&mut self) -> Result<async_nats::jetstream::Message> {
        match self.messages.next().await {
            Some(Ok(message)) => Ok(message),
            Some(Err(error)) => Err(self.keys.away(&error)),
            None => Err(Error::Unavailable { reason: "the connection to NATS is closed".to_owned() }),
        }
    }
}

#[async_trait]
impl Watch for Watching {
    async fn next(&mut self) -> Result<Vec<Change>> {
        while self.there.as_ref().is_some_and(|(left, _)| *left > 0) {
            let message = self.message().await?;
            let change = self.change(message);
            if let Some((left, changes)) = &mut self.there {
                *left -= 1;
                // What was removed is not there.
                changes.extend(change.filter(|change| matches!(change, Change::Put(_))));
            }
        }
        if let Some((_, changes)) = self.there.take() {
            return Ok(changes);
        }
        let mut changes = Vec::new();
        while changes.is_empty() {
            let message = self.message().await?;
            changes.extend(self.change(message));
        }
        while changes.len() < CHANGES_MAX
            && let Some(Some(Ok(message))) = futures::FutureExt::now_or_never(self.messages.next())
        {
            changes.extend(self.change(message));
        }
        Ok(changes)
    }
}
