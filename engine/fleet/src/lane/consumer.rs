//! A group's durable consumer on a partition: how it is made, found, replaced and removed.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, Config, DeliverPolicy, Info};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Connection, Result,
    api::{CONSUMER_NOT_FOUND, Nothing, Trouble},
    names::token,
    stream::Partition,
};

/// After this long without an end or a sign of progress the server delivers again.
const ACK_WAIT: Duration = Duration::from_secs(30);

/// Metadata of a consumer: whose it is, and of which epoch of its lease.
const GROUP: &str = "catena-group";
const EPOCH: &str = "catena-epoch";

pub(crate) fn name(group: &str, epoch: u64) -> String {
    format!("{}-{epoch}", token(group))
}

/// Whether a consumer of this name may be one of a group's.
fn may_be_of_a_group(name: &str) -> bool {
    name.rsplit_once('-').is_some_and(|(_, epoch)| epoch.parse::<u64>().is_ok())
}

/// A consumer that belongs to a group.
pub(crate) struct Found {
    pub(crate) group: String,
    pub(crate) epoch: u64,
    pub(crate) info: Info,
}

/// All that belong to groups. Less than all would be no answer: of a group that is left out, the messages it has not settled would seem
/// to be nobody's.
pub(crate) async fn list(connection: &Connection, partition: &Partition) -> Result<Vec<Found>> {
    #[derive(Deserialize)]
    struct Page {
        total: usize,
        consumers: Option<Vec<Info>>,
        /// Those whose leaders did not answer the server that was asked.
        missing: Option<Vec<String>>,
    }
    let (mut found, mut offset) = (Vec::new(), 0);
    loop {
        let subject = format!("CONSUMER.LIST.{}", partition.name);
        let page: Page = connection.api(&subject, &json!({ "offset": offset })).await?;
        let consumers = page.consumers.unwrap_or_default();
        let mut missing = page.missing.unwrap_or_default();
        missing.retain(|name| consumers.iter().all(|info| info.name != *name));
        let count = consumers.len() + missing.len();
        offset += count;
        // Others are nobody's place, and one whose only server is down may be missing for as long as that is so.
        missing.retain(|name| may_be_of_a_group(name));
        if !missing.is_empty() || (count == 0 && offset < page.total) {
            let reason =
                format!("the servers cannot say where all groups of `{}` are: {missing:?}", partition.name);
            return Err(crate::Error::Away { reason });
        }
        let done = offset >= page.total;
        found.extend(consumers.into_iter().filter_map(|info| {
            let metadata = &info.config.metadata;
            let (group, epoch) = (metadata.get(GROUP)?.clone(), metadata.get(EPOCH)?.parse().ok()?);
            Some(Found { group, epoch, info })
        }));
        if done {
            return Ok(found);
        }
    }
}

pub(crate) async fn info(connection: &Connection, stream: &str, name: &str) -> Result<Option<Info>> {
    match connection.api(&format!("CONSUMER.INFO.{stream}.{name}"), &Nothing {}).await {
        Ok(info) => Ok(Some(info)),
        Err(Trouble::Refused { code: CONSUMER_NOT_FOUND, .. }) => Ok(None),
        Err(trouble) => Err(trouble.into()),
    }
}

/// Makes it, to begin with sequence `from`, or with the oldest message kept.
pub(crate) async fn create(
    connection: &Connection,
    partition: &Partition,
    group: &str,
    epoch: u64,
    from: Option<u64>,
    credits: usize,
) -> Result<Info> {
    let name = name(group, epoch);
    let config = Config {
        durable_name: Some(name.clone()),
        name: Some(name),
        description: Some(format!("{group} reads {}", partition.stream)),
        deliver_policy: from.map_or(DeliverPolicy::All, |start_sequence| DeliverPolicy::ByStartSequence {
            start_sequence: start_sequence.max(1),
        }),
        ack_policy: AckPolicy::Explicit,
        ack_wait: ACK_WAIT,
        max_deliver: -1,
        max_ack_pending: limit(credits),
        metadata: [(GROUP.to_owned(), group.to_owned()), (EPOCH.to_owned(), epoch.to_string())].into(),
        ..Config::default()
    };
    /// Among others: a consumer of that name is there, and cannot become what is asked for.
    const NOT_MADE: u64 = 10_012;
    match request(connection, &partition.name, &config).await {
        // Of an earlier try, whose answer was lost and which a list just now may not have shown: the next try goes beyond it.
        Err(Trouble::Refused { code: NOT_MADE, what }) if what.contains("can not be updated") => {
            let reason = format!("the consumer of epoch {epoch} of `{group}` is there already: {what}");
            Err(crate::Error::Away { reason })
        }
        made => Ok(made?),
    }
}

/// Lets it have `credits` unsettled.
pub(crate) async fn resize(connection: &Connection, info: Info, credits: usize) -> Result<Info> {
    if info.config.max_ack_pending == limit(credits) {
        return Ok(info);
    }
    let config = Config { max_ack_pending: limit(credits), ..info.config };
    Ok(request(connection, &info.stream_name, &config).await?)
}

async fn request(
    connection: &Connection,
    stream: &str,
    config: &Config,
) -> std::result::Result<Info, Trouble> {
    let name = config.durable_name.as_deref().unwrap_or_default();
    let subject = format!("CONSUMER.CREATE.{stream}.{name}");
    connection.api(&subject, &json!({ "stream_name": stream, "config": config, "action": "" })).await
}

fn limit(credits: usize) -> i64 {
    i64::try_from(credits.max(1)).unwrap_or(i64::MAX)
}

pub(crate) async fn delete(connection: &Connection, stream: &str, name: &str) -> Result<()> {
    match connection.api::<Value>(&format!("CONSUMER.DELETE.{stream}.{name}"), &Nothing {}).await {
        Ok(_) | Err(Trouble::Refused { code: CONSUMER_NOT_FOUND, .. }) => Ok(()),
        Err(trouble) => Err(trouble.into()),
    }
}
