//! How the JetStream streams behind partitions and buckets are made, and what may not be otherwise.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy, Info, RetentionPolicy, StorageType};
use bus::StreamSpec;

use super::MESSAGE_BYTES_MAX;
use crate::{
    Connection, Error, Result,
    api::{
        NO_MORE_STREAMS, NO_PEERS, NO_STORAGE, Nothing, STREAM_NAME_EXISTS, STREAM_NOT_FOUND,
        SUBJECTS_OVERLAP, Trouble,
    },
    connection::unfit,
};

/// How long a server remembers ids at most: each costs it memory.
pub(crate) const DEDUPE_WINDOW_MAX: Duration = Duration::from_secs(120);
/// The least that JetStream takes.
const DEDUPE_WINDOW_MIN: Duration = Duration::from_millis(100);

/// Where a stream's metadata holds its description, as JSON.
const SPEC: &str = "catena-spec";

fn partition(connection: &Connection, spec: &StreamSpec, number: u32) -> Result<Config> {
    let names = connection.names();
    let described = serde_json::to_string(spec)
        .map_err(|error| unfit(format!("stream `{}` cannot be described: {error}", spec.name)))?;
    Ok(Config {
        name: names.stream(&spec.name, number),
        subjects: vec![names.subject(&spec.name, number)],
        description: Some(format!("Partition {number} of {}", spec.name)),
        duplicate_window: spec.dedupe_window.clamp(DEDUPE_WINDOW_MIN, DEDUPE_WINDOW_MAX),
        max_bytes: connection
            .options()
            .partition_bytes_max
            .map_or(-1, |max| i64::try_from(max).unwrap_or(-1)),
        max_message_size: i32::try_from(MESSAGE_BYTES_MAX).unwrap_or(-1),
        allow_atomic_publish: true,
        metadata: [(SPEC.to_owned(), described)].into(),
        ..common(connection)
    })
}

/// A key-value bucket as every NATS client knows it, but read at its leader only: what was written is there.
pub(crate) fn bucket(connection: &Connection, name: &str) -> Config {
    Config {
        name: format!("KV_{name}"),
        subjects: vec![format!("$KV.{name}.>")],
        max_messages_per_subject: 1,
        max_bytes: -1,
        max_message_size: 1 << 20,
        allow_rollup: true,
        ..common(connection)
    }
}

fn common(connection: &Connection) -> Config {
    Config {
        storage: StorageType::File,
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::New,
        num_replicas: connection.replicas(),
        max_messages: -1,
        max_messages_per_subject: -1,
        max_consumers: -1,
        deny_delete: true,
        ..Config::default()
    }
}

/// What a stream's metadata say of it.
pub(super) fn described(config: &Config) -> Result<StreamSpec> {
    let spec = config.metadata.get(SPEC).and_then(|text| serde_json::from_str(text).ok());
    spec.ok_or_else(|| {
        unfit(format!(
            "the JetStream stream `{}` takes a subject of Catena's and was not made by it: rename or remove it",
            config.name
        ))
    })
}

pub(super) fn check_layout(found: &StreamSpec, wanted: &StreamSpec) -> Result<()> {
    if found.partitions != wanted.partitions {
        return Err(Error::Layout {
            stream: wanted.name.to_string(),
            found: found.partitions,
            wanted: wanted.partitions,
        });
    }
    Ok(())
}

pub(super) async fn ensure_partition(connection: &Connection, spec: &StreamSpec, number: u32) -> Result<()> {
    let wanted = partition(connection, spec, number)?;
    let found = ensure(connection, &wanted).await?;
    check_layout(&described(&found)?, spec)?;
    let changed = found.metadata.get(SPEC) != wanted.metadata.get(SPEC)
        || found.duplicate_window != wanted.duplicate_window
        || (found.max_bytes != wanted.max_bytes && connection.options().partition_bytes_max.is_some());
    if changed {
        // Only what may change: the rest stays as the operator has it.
        let mut update = found;
        update.metadata.extend(wanted.metadata);
        update.duplicate_window = wanted.duplicate_window;
        update.max_bytes = wanted.max_bytes;
        let _: Info = connection.api(&format!("STREAM.UPDATE.{}", update.name), &update).await?;
    }
    Ok(())
}

/// Makes the stream if it is not there; answers what is there now, once somebody leads it.
///
/// # Errors
/// [`Error::Unfit`] with what differs, when it is not what it must be.
pub(crate) async fn ensure(connection: &Connection, wanted: &Config) -> Result<Config> {
    let name = &wanted.name;
    let placed = connection
        .patiently(connection.options().placing, name, |at_most| found_or_made(connection, wanted, at_most))
        .await;
    let found = match placed {
        Err(Trouble::Refused { code, what }) => return Err(not_made(wanted, code, what)),
        placed => placed?,
    };
    let differences = differences(&found, wanted);
    if differences.is_empty() {
        return Ok(found);
    }
    Err(unfit(format!(
        "the JetStream stream `{name}` is not as Catena makes it: {}; change it with `nats stream edit {name}`, or remove it",
        differences.join(", ")
    )))
}

async fn found_or_made(
    connection: &Connection,
    wanted: &Config,
    at_most: Duration,
) -> std::result::Result<Config, Trouble> {
    let name = &wanted.name;
    if let Some(found) = look(connection, name, at_most).await? {
        return Ok(found);
    }
    match connection.api::<Info>(&format!("STREAM.CREATE.{name}"), wanted).await {
        // Made, or another one was quicker. Who asks beside others is answered before anybody leads it.
        Ok(_) | Err(Trouble::Refused { code: STREAM_NAME_EXISTS, .. }) => {
            let found = look(connection, name, at_most).await?;
            found.ok_or_else(|| Trouble::Away("it has just been removed".to_owned()))
        }
        Err(trouble) => Err(trouble),
    }
}

/// The stream of this name, none where there is none. One that nobody leads yet may be described already, and takes nothing.
pub(super) async fn look(
    connection: &Connection,
    name: &str,
    at_most: Duration,
) -> std::result::Result<Option<Config>, Trouble> {
    let timeout = connection.options().timeout.min(at_most);
    match connection.api_within::<Info>(timeout, &format!("STREAM.INFO.{name}"), &Nothing {}).await {
        Ok(info) if info.cluster.as_ref().is_some_and(|cluster| cluster.leader.is_none()) => {
            Err(Trouble::Away("nobody leads it yet".to_owned()))
        }
        Ok(info) => Ok(Some(info.config)),
        Err(Trouble::Refused { code: STREAM_NOT_FOUND, .. }) => Ok(None),
        Err(trouble) => Err(trouble),
    }
}

/// Why JetStream did not make a stream, and what to do.
fn not_made(wanted: &Config, code: u64, what: String) -> Error {
    let name = &wanted.name;
    match code {
        NO_PEERS => unfit(format!(
            "JetStream cannot keep {} copies of `{name}` ({what}): start more servers, or ask for fewer copies",
            wanted.num_replicas
        )),
        SUBJECTS_OVERLAP => unfit(format!(
            "another JetStream stream takes {} of `{name}`: remove that one (`nats stream ls` shows it), or give this \
             deployment a prefix of its own",
            wanted.subjects.join(", ")
        )),
        // It may pass: somebody may remove something.
        NO_STORAGE => Error::Full {
            reason: format!(
                "JetStream cannot keep `{name}` in files ({what}): raise `max_file_store` in the server's configuration, or \
                 remove streams"
            ),
        },
        NO_MORE_STREAMS => unfit(format!(
            "this account may have no further stream, and `{name}` is missing ({what}): raise its `max_streams`; a deployment has \
             one for each partition and bucket"
        )),
        code => Trouble::Refused { code, what }.into(),
    }
}

fn differences(found: &Config, wanted: &Config) -> Vec<String> {
    let mut differences = Vec::new();
    let mut differs = |what: &str, found: &dyn std::fmt::Debug, wanted: &dyn std::fmt::Debug| {
        differences.push(format!("{what} is {found:?} instead of {wanted:?}"));
    };
    macro_rules! same {
        ($($field:ident),+) => {
            $(if found.$field != wanted.$field {
                differs(stringify!($field), &found.$field, &wanted.$field);
            })+
        };
    }
    same!(
        subjects,
        storage,
        retention,
        discard,
        max_messages,
        max_messages_per_subject,
        max_age,
        deny_delete
    );
    same!(allow_direct, allow_atomic_publish, no_ack, sealed);
    if found.num_replicas < wanted.num_replicas {
        differs("num_replicas", &found.num_replicas, &wanted.num_replicas);
    }
    if (1..wanted.max_message_size).contains(&found.max_message_size) {
        differs("max_message_size", &found.max_message_size, &wanted.max_message_size);
    }
    differences
}
