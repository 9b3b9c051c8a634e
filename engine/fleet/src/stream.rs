//! Streams and their partitions: each partition is one JetStream stream, and carries the description of the whole.

mod config;
mod read;

use std::{
    collections::HashMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use async_nats::jetstream::stream::Info;
use bus::{Bounds, StreamSpec};
use futures::{StreamExt, TryStreamExt};
use parking_lot::{Mutex, RwLock};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{sync::mpsc::UnboundedSender, time::Instant};

use crate::{
    Connection, Error, Result,
    api::{Nothing, STREAM_NOT_FOUND, Trouble},
    publish::Job,
};
pub(crate) use config::{DEDUPE_WINDOW_MAX, bucket, ensure};

/// The largest message, headers and payload together: 1 MiB of body, and what its envelope may add.
pub(crate) const MESSAGE_BYTES_MAX: usize = (1 << 20) + (64 << 10);

/// How old what others have stored may be when it is counted.
const FRESH: Duration = Duration::from_secs(1);

/// Partitions that are made at once.
const AT_ONCE: usize = 8;

/// One partition of one stream.
pub(crate) struct Partition {
    pub(crate) stream: String,
    pub(crate) number: u32,
    /// What JetStream calls it.
    pub(crate) name: String,
    pub(crate) subject: String,
    pub(crate) spec: Arc<RwLock<StreamSpec>>,
    /// The highest sequence this process knows of.
    last: AtomicU64,
    /// When the server was last asked for it.
    asked: Mutex<Option<Instant>>,
    /// Where its publisher takes jobs, once something was published.
    pub(crate) line: OnceLock<UnboundedSender<Job>>,
}

impl Partition {
    pub(crate) fn last(&self) -> u64 {
        self.last.load(Relaxed)
    }

    pub(crate) fn reached(&self, sequence: u64) {
        self.last.fetch_max(sequence, Relaxed);
    }

    pub(crate) fn unknown(&self) -> Error {
        Error::UnknownStream { stream: self.stream.clone(), partition: self.number }
    }

    pub(crate) async fn info(&self, connection: &Connection) -> Result<Info> {
        let info: Info = connection
            .api(&format!("STREAM.INFO.{}", self.name), &Nothing {})
            .await
            .map_err(|trouble| missing(trouble).unwrap_or_else(|| self.unknown()))?;
        // Without a leader any member answers, and may not have what others acknowledged.
        if info.cluster.as_ref().is_some_and(|cluster| cluster.leader.is_none()) {
            return Err(Error::Away { reason: format!("nobody leads `{}`", self.name) });
        }
        self.reached(info.state.last_sequence);
        Ok(info)
    }

    /// The last sequence, not older than [`FRESH`].
    pub(crate) async fn fresh(&self, connection: &Connection) -> Result<u64> {
        if self.asked.lock().is_none_or(|at| at.elapsed() > FRESH) {
            self.info(connection).await?;
            *self.asked.lock() = Some(Instant::now());
        }
        Ok(self.last())
    }

    /// The description that the server has now.
    pub(crate) fn described(&self, info: &Info) -> Option<StreamSpec> {
        config::described(&info.config).ok()
    }

    pub(crate) async fn bounds(&self, connection: &Connection) -> Result<Bounds> {
        let state = self.info(connection).await?.state;
        Ok(Bounds { first: state.first_sequence.max(1), last: state.last_sequence })
    }

    /// Removes everything before `below`; the newest stays.
    pub(crate) async fn trim(&self, connection: &Connection, below: u64) -> Result<()> {
        let Bounds { first, last } = self.bounds(connection).await?;
        let below = below.min(last);
        if below <= first {
            return Ok(());
        }
        let _: Value =
            connection.api(&format!("STREAM.PURGE.{}", self.name), &json!({ "seq": below })).await?;
        Ok(())
    }
}

/// None when it is that the stream does not exist.
fn missing(trouble: Trouble) -> Option<Error> {
    match trouble {
        Trouble::Refused { code: STREAM_NOT_FOUND, .. } => None,
        trouble => Some(trouble.into()),
    }
}

/// What this process knows of the streams.
pub(crate) struct Streams {
    connection: Connection,
    known: RwLock<HashMap<String, Vec<Arc<Partition>>>>,
}

impl Streams {
    pub(crate) fn new(connection: Connection) -> Self {
        Self { connection, known: RwLock::default() }
    }

    pub(crate) async fn find(&self, stream: &str, partition: u32) -> Result<Arc<Partition>> {
        let unknown = || Error::UnknownStream { stream: stream.to_owned(), partition };
        let at = usize::try_from(partition).map_err(|_| unknown())?;
        if let Some(partitions) = self.known.read().get(stream) {
            return partitions.get(at).cloned().ok_or_else(unknown);
        }
        if model::Name::new(stream).is_err() {
            return Err(unknown());
        }
        let spec = self.described(stream).await?.ok_or_else(unknown)?;
        self.learn(&spec).get(at).cloned().ok_or_else(unknown)
    }

    /// The partitions of `stream`, none when there is no such stream.
    pub(crate) async fn partitions(&self, stream: &str) -> Result<Vec<Arc<Partition>>> {
        match self.find(stream, 0).await {
            Ok(_) => Ok(self.known.read().get(stream).cloned().unwrap_or_default()),
            Err(Error::UnknownStream { .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// What the server holds as the description of `stream`.
    async fn described(&self, stream: &str) -> Result<Option<StreamSpec>> {
        let name = self.connection.names().stream(stream, 0);
        let found = config::look(&self.connection, &name, self.connection.options().timeout).await?;
        found.map(|found| config::described(&found)).transpose()
    }

    fn learn(&self, spec: &StreamSpec) -> Vec<Arc<Partition>> {
        let mut known = self.known.write();
        let partitions = known.entry(spec.name.to_string()).or_insert_with(|| {
            let names = self.connection.names();
            let shared = Arc::new(RwLock::new(spec.clone()));
            let partition = |number| Partition {
                stream: spec.name.to_string(),
                number,
                name: names.stream(&spec.name, number),
                subject: names.subject(&spec.name, number),
                spec: Arc::clone(&shared),
                last: AtomicU64::new(0),
                asked: Mutex::default(),
                line: OnceLock::new(),
            };
            (0..spec.partitions).map(|number| Arc::new(partition(number))).collect()
        });
        if let Some(first) = partitions.first() {
            *first.spec.write() = spec.clone();
        }
        partitions.clone()
    }

    pub(crate) async fn provision(&self, spec: &StreamSpec) -> Result<()> {
        let same = |found: &Vec<Arc<Partition>>| found.first().is_some_and(|p| *p.spec.read() == *spec);
        if self.known.read().get(spec.name.as_str()).is_some_and(same) {
            return Ok(());
        }
        let name = self.connection.names().stream(&spec.name, 0);
        let look = |at_most| config::look(&self.connection, &name, at_most);
        let found = self.connection.patiently(self.connection.options().placing, &name, look);
        if let Some(found) = found.await? {
            config::check_layout(&config::described(&found)?, spec)?;
        }
        // The first partition describes the stream to everybody else, so it comes last.
        let rest = futures::stream::iter(1..spec.partitions)
            .map(|number| config::ensure_partition(&self.connection, spec, number));
        rest.buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        config::ensure_partition(&self.connection, spec, 0).await?;
        self.learn(spec);
        Ok(())
    }

    pub(crate) async fn all(&self) -> Result<Vec<StreamSpec>> {
        #[derive(Deserialize)]
        struct Page {
            total: usize,
            streams: Option<Vec<Info>>,
        }
        let names = self.connection.names();
        let (mut specs, mut offset) = (Vec::new(), 0);
        loop {
            let question = json!({ "subject": names.subjects(), "offset": offset });
            let page: Page = self.connection.api("STREAM.LIST", &question).await?;
            let streams = page.streams.unwrap_or_default();
            offset += streams.len();
            let done = streams.is_empty() || offset >= page.total;
            for info in streams {
                let spec = config::described(&info.config)?;
                if info.config.name == names.stream(&spec.name, 0) {
                    specs.push(spec);
                }
            }
            if done {
                specs.sort_by(|a, b| a.name.cmp(&b.name));
                return Ok(specs);
            }
        }
    }
}
