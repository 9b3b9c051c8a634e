//! Reading without consuming: single reads at the stream's leader, some side by side. No consumer to make and to
//! remove, nothing left behind on the server by a reader that dies, and always what was acknowledged last.

use async_nats::jetstream::stream::{RawMessageErrorKind, Stream};
use bus::{Bounds, Stored};
use futures::{StreamExt, TryStreamExt};

use super::Partition;
use crate::{
    Connection, Error, Result,
    api::{NO_MESSAGE, STREAM_NOT_FOUND},
    connection::chain,
    envelope,
};

/// Reads under way at once.
const AT_ONCE: usize = 64;
/// One answer is not larger, unless a single message is.
const BYTES_MAX: usize = 8 << 20;

impl Partition {
    pub(crate) async fn read(&self, connection: &Connection, from: u64, max: usize) -> Result<Vec<Stored>> {
        let Bounds { first, last } = self.bounds(connection).await?;
        let count = u64::try_from(max).unwrap_or(u64::MAX);
        let from = from.max(first);
        let to = last.min(from.saturating_add(count).saturating_sub(1));
        if count == 0 || from > to {
            return Ok(Vec::new());
        }
        let stream = self.stream(connection).await?;
        let mut reads =
            futures::stream::iter(from..=to).map(|sequence| self.one(&stream, sequence)).buffered(AT_ONCE);
        let (mut found, mut bytes) = (Vec::new(), 0);
        while let Some(stored) = reads.try_next().await? {
            // What is not there was removed since, from the front.
            let Some(stored) = stored else { continue };
            bytes += stored.message.size_bytes();
            if bytes > BYTES_MAX && !found.is_empty() {
                break;
            }
            found.push(stored);
        }
        Ok(found)
    }

    async fn stream(&self, connection: &Connection) -> Result<Stream<()>> {
        connection.context().get_stream_no_info(&self.name).await.map_err(|error| Error::Away {
            reason: format!("failed to look at `{}`: {}", self.name, chain(&error)),
        })
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
                _ => {
                    Err(Error::Away { reason: format!("failed to read `{}`: {}", self.name, chain(&error)) })
                }
            },
        }
    }
}
