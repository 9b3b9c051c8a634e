use std::{collections::BTreeMap, sync::Arc};

use model::Name;
use parking_lot::RwLock;
use store::{Batch, Store};

use super::{
    group::Changed,
    keys::{Place, STREAMS},
    load,
    options::Options,
    partition::{Partition, Stream},
    queue::Queue,
    room::Room,
    tail::Tail,
};
use crate::{Bounds, Error, Result, Stored, StreamSpec};

/// What the bus, its writer and its subscriptions have in common.
pub(super) struct Shared {
    pub(super) store: Arc<dyn Store>,
    pub(super) options: Options,
    pub(super) queue: Queue,
    pub(super) streams: RwLock<BTreeMap<Name, Arc<Stream>>>,
    pub(super) changed: Arc<Changed>,
}

impl Shared {
    pub(super) fn find(&self, stream: &str, partition: u32) -> Result<Arc<Partition>> {
        self.queue.check_open()?;
        let streams = self.streams.read();
        let found = usize::try_from(partition).ok().and_then(|at| streams.get(stream)?.partitions.get(at));
        found.cloned().ok_or_else(|| Error::UnknownStream { stream: stream.to_owned(), partition })
    }

    /// Every partition of a stream.
    pub(super) fn find_all(&self, stream: &str) -> Result<Vec<Arc<Partition>>> {
        self.queue.check_open()?;
        let streams = self.streams.read();
        let found = streams.get(stream).map(|stream| stream.partitions.clone());
        found.ok_or_else(|| Error::UnknownStream { stream: stream.to_owned(), partition: 0 })
    }

    pub(super) fn partitions(&self) -> Vec<Arc<Partition>> {
        self.streams.read().values().flat_map(|stream| stream.partitions.iter().cloned()).collect()
    }

    /// Whether the stream exists exactly so.
    ///
    /// # Errors
    /// [`Error::Layout`] when it can never be so.
    pub(super) fn exists(&self, wanted: &StreamSpec) -> Result<bool> {
        let streams = self.streams.read();
        let Some(found) = streams.get(&wanted.name).map(|stream| stream.spec.read()) else {
            return Ok(false);
        };
        if found.partitions != wanted.partitions {
            return Err(Error::Layout {
                stream: wanted.name.to_string(),
                found: found.partitions,
                wanted: wanted.partitions,
            });
        }
        Ok(*found == *wanted)
    }

    /// Makes the stream as described, or changes what may change. Called by the writer alone.
    pub(super) fn create(&self, spec: StreamSpec) -> Result<()> {
        if self.exists(&spec)? {
            return Ok(());
        }
        // Only the writer changes the table, so it may look, write and change in three steps; readers
        // are not kept waiting for the disk.
        let known = self.streams.read().get(&spec.name).cloned();
        let next = || self.streams.read().values().map(|stream| stream.number + 1).max().unwrap_or(0);
        let number = known.as_ref().map_or_else(next, |stream| stream.number);
        let mut batch = Batch::new();
        batch.put(STREAMS, spec.name.as_bytes(), &load::encode_stream(number, &spec)?);
        self.store.write(&batch).map_err(|error| Error::from_store(&error))?;
        if let Some(stream) = known {
            *stream.spec.write() = spec;
            return Ok(());
        }
        let name = spec.name.clone();
        let spec = Arc::new(RwLock::new(spec));
        let stream = self.stream(number, &spec, |_| Ok(Bounds { first: 1, last: 0 }))?;
        self.streams.write().insert(name, stream);
        Ok(())
    }

    pub(super) fn stream(
        &self,
        number: u32,
        spec: &Arc<RwLock<StreamSpec>>,
        bounds: impl Fn(Place) -> Result<Bounds>,
    ) -> Result<Arc<Stream>> {
        let count = spec.read().partitions;
        let partitions = (0..count).map(|partition| {
            let place = Place { stream: number, partition };
            let tail = Tail::new(self.options.tail_bytes_max);
            Ok(Arc::new(Partition::new(place, spec, bounds(place)?, tail, &self.changed)))
        });
        Ok(Arc::new(Stream {
            number,
            spec: Arc::clone(spec),
            partitions: partitions.collect::<Result<_>>()?,
        }))
    }

    /// The first of the wanted messages, as many as one answer holds, from memory where all of them are there, else from
    /// disk.
    pub(super) async fn load(
        self: &Arc<Self>,
        partition: &Arc<Partition>,
        wanted: Vec<u64>,
    ) -> Result<Vec<Stored>> {
        let room = || Room::new(self.options.read_bytes_max);
        if let Some(found) = partition.recall(&wanted, room()) {
            return Ok(found);
        }
        let (shared, partition, room) = (Arc::clone(self), Arc::clone(partition), room());
        let read = move || {
            let snapshot = shared.store.snapshot().map_err(|error| Error::from_store(&error))?;
            partition.load(&*snapshot, &wanted, room)
        };
        let read = tokio::task::spawn_blocking(read).await;
        read.unwrap_or_else(|error| {
            Err(Error::Unavailable { reason: format!("a read ended early: {error}") })
        })
    }

    /// Takes nothing more and tells everybody who waits.
    pub(super) fn stop(&self, reason: &str) {
        self.queue.close(reason);
        for partition in self.partitions() {
            for group in partition.groups.lock().values() {
                group.woken.notify_one();
            }
        }
    }
}
