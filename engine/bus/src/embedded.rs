//! The bus in one process, over a [`Store`].
//!
//! One thread writes: each round it makes one batch of everything queued (messages of all streams, ids to
//! remember and to forget, positions, removals), so that all of it shares one sync. Readers that keep up
//! are served from memory. Over [`store::Memory`] this is the bus for tests: there is no second
//! implementation.

mod forget;
mod group;
mod keys;
mod load;
mod options;
mod partition;
mod position;
mod queue;
mod record;
mod room;
mod round;
mod shared;
mod subscription;
mod tail;
#[cfg(test)]
mod tests;
mod writer;

use std::{
    sync::Arc,
    thread::{Builder, JoinHandle},
    time::Duration,
};

use async_trait::async_trait;
use model::Message;
use parking_lot::Mutex;
use store::Store;
use tokio::sync::oneshot;

pub use keys::TABLES;
pub use options::{Fault, Options};

use crate::{Bounds, Bus, Error, Published, Result, Stored, StreamSpec, Subscription};
use partition::Partition;
use queue::{Command, Entry, Publish, Queue};
use shared::Shared;
use subscription::Reader;
use writer::Writer;

/// A durable bus in this process.
pub struct Embedded {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Embedded {
    /// Opens the bus that `store` holds; the store must have been opened with [`TABLES`]. Blocks on disk
    /// for as long as it takes to find the ends of every partition.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the store cannot be read or holds something else.
    pub fn open(store: Arc<dyn Store>, options: Options) -> Result<Self> {
        let queue = Queue::new(options.queue_bytes_max);
        let (streams, changed) = Default::default();
        let shared = Arc::new(Shared { store, options, queue, streams, changed });
        let newest_ms = load::load(&shared)?;
        let writer = Writer::new(Arc::clone(&shared), newest_ms);
        let writer = Builder::new()
            .name("bus-writer".to_owned())
            .spawn(|| writer.run())
            .map_err(|error| Error::Unavailable { reason: format!("failed to start its writer: {error}") })?;
        Ok(Self { shared, writer: Mutex::new(Some(writer)) })
    }

    /// Whether the bus still takes messages. Cheap: it asks neither disk nor writer.
    ///
    /// # Errors
    /// [`Error::Unavailable`] with the reason, once the disk has failed or the bus is closed: it stays so until
    /// the bus is opened anew.
    pub fn check(&self) -> Result<()> {
        self.shared.queue.check_open()
    }

    /// Stops intake, makes what was taken durable, stores every position and ends. Deliveries that are
    /// still out come again after reopening. Dropping the bus does the same and blocks meanwhile.
    pub async fn close(&self) {
        self.shared.stop("it is closed");
        let writer = self.writer.lock().take();
        if let Some(writer) = writer
            && !matches!(tokio::task::spawn_blocking(|| writer.join()).await, Ok(Ok(())))
        {
            tracing::error!("the bus writer panicked");
        }
    }

    async fn store(
        &self,
        partition: Arc<Partition>,
        after: Option<u64>,
        batch: Vec<Message>,
    ) -> Result<Vec<Published>> {
        let entries = batch.into_iter().map(Entry::new).collect::<Result<_>>()?;
        let at = tokio::time::Instant::now();
        self.ask(|answer| Command::Publish(Publish { partition, after, entries, at, answer })).await
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<Result<T>>) -> Command) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        self.shared.queue.push(command(answer))?;
        answered.await.unwrap_or_else(|_| {
            // The writer left it unanswered, so it has ended, and knows best why.
            self.check()?;
            Err(Error::Unavailable { reason: "its writer ended".to_owned() })
        })
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.shared.stop("it is closed");
        if let Some(writer) = self.writer.lock().take() {
            let _ = writer.join();
        }
    }
}

#[async_trait]
impl Bus for Embedded {
    async fn provision(&self, spec: &StreamSpec) -> Result<()> {
        self.shared.queue.check_open()?;
        if self.shared.exists(spec)? {
            return Ok(());
        }
        self.ask(|answer| Command::Provision { spec: spec.clone(), answer }).await
    }

    async fn streams(&self) -> Result<Vec<StreamSpec>> {
        self.shared.queue.check_open()?;
        Ok(self.shared.streams.read().values().map(|stream| stream.spec.read().clone()).collect())
    }

    async fn publish(&self, stream: &str, partition: u32, batch: Vec<Message>) -> Result<Vec<Published>> {
        let partition = self.shared.find(stream, partition)?;
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        self.store(partition, None, batch).await
    }

    async fn append(&self, stream: &str, partition: u32, after: u64, batch: Vec<Message>) -> Result<u64> {
        let partition = self.shared.find(stream, partition)?;
        let published = self.store(partition, Some(after), batch).await?;
        Ok(published.last().map_or(after, |published| published.sequence))
    }

    async fn trim(&self, stream: &str, partition: u32, below: u64) -> Result<()> {
        self.shared.find(stream, partition)?.trim_to(below);
        Ok(())
    }

    fn fits(&self, message: &Message) -> Result<()> {
        Entry::new(message.clone()).map(drop)
    }

    fn remembers(&self) -> Duration {
        Duration::MAX
    }

    async fn read(&self, stream: &str, partition: u32, from: u64, max: usize) -> Result<Vec<Stored>> {
        let partition = self.shared.find(stream, partition)?;
        let Bounds { first, last } = partition.bounds();
        self.shared.load(&partition, (from.max(first)..=last).take(max).collect()).await
    }

    async fn bounds(&self, stream: &str, partition: u32) -> Result<Bounds> {
        Ok(self.shared.find(stream, partition)?.bounds())
    }

    async fn subscribe(
        &self,
        stream: &str,
        partition: u32,
        group: &str,
        credits: usize,
    ) -> Result<Box<dyn Subscription>> {
        let partition = self.shared.find(stream, partition)?;
        Ok(Box::new(Reader::new(&self.shared, partition, group, credits)?))
    }

    async fn forget(&self, stream: &str, group: &str) -> Result<()> {
        let partitions = self.shared.find_all(stream)?;
        self.ask(|answer| Command::Forget { partitions, group: group.to_owned(), answer }).await
    }
}
