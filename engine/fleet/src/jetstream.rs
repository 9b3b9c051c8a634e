//! The bus over JetStream.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use async_trait::async_trait;
use bus::{Bounds, Bus, Published, Stored, StreamSpec, Subscription};
use model::Message;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Connection, Error, Keys, Result,
    lane::{self, Opening, Reader, consumer, retention},
    lease::Leases,
    names::{GROUP_BYTES_MAX, token},
    publish::{self, Job, Queue},
    stream::{DEDUPE_WINDOW_MAX, Partition, Streams},
};

/// A durable bus on NATS servers.
pub struct JetStream {
    connection: Connection,
    streams: Streams,
    queue: Arc<Queue>,
    leases: Arc<Leases>,
    /// Whether the leases of others are followed.
    follows: AtomicBool,
    /// Places that this process has, or is giving back.
    places: Arc<Mutex<HashMap<String, Arc<Place>>>>,
    closed: CancellationToken,
    /// Readers first, then publishers: each kind ends together.
    lanes: TaskTracker,
    lines: TaskTracker,
    lines_stop: CancellationToken,
}

/// A group's place in a partition, taken by this process.
#[derive(Default)]
struct Place {
    /// It is being given back.
    ending: AtomicBool,
    /// It was.
    ended: CancellationToken,
}

/// Frees the place for this process when it is dropped.
struct Taken {
    places: Arc<Mutex<HashMap<String, Arc<Place>>>>,
    key: String,
    place: Arc<Place>,
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.places.lock().remove(&self.key);
        self.place.ended.cancel();
    }
}

impl JetStream {
    /// The bus over this connection. Makes the bucket of leases if it is not there.
    ///
    /// # Errors
    /// [`Error::Unfit`], [`Error::Away`].
    pub async fn open(connection: &Connection) -> Result<Self> {
        let options = connection.options();
        let keys = Keys::open(connection, "leases").await?;
        let me = connection.client().new_inbox();
        let leases = Leases::new(Arc::new(keys), me, options.name.clone(), options.lease_ttl);
        Ok(Self {
            connection: connection.clone(),
            streams: Streams::new(connection.clone()),
            queue: Queue::new(options.queue_bytes_max),
            leases: Arc::new(leases),
            follows: AtomicBool::new(false),
            places: Arc::default(),
            closed: CancellationToken::new(),
            lanes: TaskTracker::new(),
            lines: TaskTracker::new(),
            lines_stop: CancellationToken::new(),
        })
    }

    /// Follows from now on who reads what, so that a partition of one who dies can be had as soon as its lease has run out.
    /// Without it the lease's life begins anew when it is first asked for. For those who take turns; asked for again it does
    /// nothing.
    pub fn follow_leases(&self) {
        if self.follows.swap(true, Relaxed) {
            return;
        }
        let leases = Arc::clone(&self.leases);
        let follow = async move { leases.follow().await };
        self.lanes.spawn(self.closed.clone().run_until_cancelled_owned(follow));
    }

    /// Whether the bus still takes messages.
    ///
    /// # Errors
    /// [`Error::Unavailable`] once it is closed; [`Error::Away`] while no server is there.
    pub fn check(&self) -> Result<()> {
        self.check_open()?;
        if self.connection.connected() {
            return Ok(());
        }
        Err(Error::Away { reason: "no NATS server is there".to_owned() })
    }

    /// Stops intake, gives every place back, answers what waits to be published, and ends.
    pub async fn close(&self) {
        self.closed.cancel();
        self.lanes.close();
        self.lanes.wait().await;
        self.lines_stop.cancel();
        self.lines.close();
        self.lines.wait().await;
        // So that nothing of it is still on its way when it is answered.
        let _ =
            tokio::time::timeout(self.connection.options().timeout, self.connection.client().flush()).await;
    }

    fn check_open(&self) -> Result<()> {
        if self.closed.is_cancelled() {
            return Err(Error::Unavailable { reason: "it is closed".to_owned() });
        }
        Ok(())
    }

    async fn find(&self, stream: &str, partition: u32) -> Result<Arc<Partition>> {
        self.check_open()?;
        self.streams.find(stream, partition).await
    }

    async fn store(
        &self,
        partition: &Arc<Partition>,
        after: Option<u64>,
        batch: Vec<Message>,
    ) -> Result<Vec<Published>> {
        let (job, answered) = Job::new(&self.queue, after, batch)?;
        let closed = || Error::Unavailable { reason: "it is closed".to_owned() };
        let line = partition.line.get_or_init(|| {
            let (line, jobs) = mpsc::unbounded_channel();
            let run =
                publish::run(self.connection.clone(), Arc::clone(partition), jobs, self.lines_stop.clone());
            self.lines.spawn(run);
            line
        });
        line.send(job).map_err(|_| closed())?;
        answered.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Takes the place within this process; waits where it is being given back.
    async fn place(&self, key: &str) -> Option<Taken> {
        loop {
            let taken = {
                let mut places = self.places.lock();
                match places.get(key) {
                    None => {
                        let place = Arc::new(Place::default());
                        places.insert(key.to_owned(), Arc::clone(&place));
                        return Some(Taken { places: Arc::clone(&self.places), key: key.to_owned(), place });
                    }
                    Some(taken) => Arc::clone(taken),
                }
            };
            if !taken.ending.load(Relaxed) {
                return None;
            }
            taken.ended.cancelled().await;
        }
    }
}

/// Readers give their places back, and what waits to be published is sent, without anybody waiting for it.
impl Drop for JetStream {
    fn drop(&mut self) {
        self.closed.cancel();
        self.lines_stop.cancel();
    }
}

fn lease_key(partition: &Partition, group: &str) -> String {
    format!("{}.{}.{}", partition.stream, partition.number, token(group))
}

#[async_trait]
impl Bus for JetStream {
    async fn provision(&self, spec: &StreamSpec) -> Result<()> {
        self.check_open()?;
        self.streams.provision(spec).await
    }

    async fn streams(&self) -> Result<Vec<StreamSpec>> {
        self.check_open()?;
        self.streams.all().await
    }

    async fn publish(&self, stream: &str, partition: u32, batch: Vec<Message>) -> Result<Vec<Published>> {
        let partition = self.find(stream, partition).await?;
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        self.store(&partition, None, batch).await
    }

    async fn append(&self, stream: &str, partition: u32, after: u64, batch: Vec<Message>) -> Result<u64> {
        let found = self.find(stream, partition).await?;
        if batch.is_empty() {
            let last = found.bounds(&self.connection).await?.last;
            let stream = stream.to_owned();
            return if last == after { Ok(after) } else { Err(Error::Moved { stream, partition, after }) };
        }
        let published = self.store(&found, Some(after), batch).await?;
        Ok(published.last().map_or(after, |published| published.sequence))
    }

    async fn trim(&self, stream: &str, partition: u32, below: u64) -> Result<()> {
        self.find(stream, partition).await?.trim(&self.connection, below).await
    }

    fn fits(&self, message: &Message) -> Result<()> {
        publish::sealed(message.clone()).map(drop)
    }

    fn remembers(&self) -> Duration {
        DEDUPE_WINDOW_MAX
    }

    async fn read(&self, stream: &str, partition: u32, from: u64, max: usize) -> Result<Vec<Stored>> {
        self.find(stream, partition).await?.read(&self.connection, from, max).await
    }

    async fn bounds(&self, stream: &str, partition: u32) -> Result<Bounds> {
        self.find(stream, partition).await?.bounds(&self.connection).await
    }

    async fn subscribe(
        &self,
        stream: &str,
        partition: u32,
        group: &str,
        credits: usize,
    ) -> Result<Box<dyn Subscription>> {
        let found = self.find(stream, partition).await?;
        if !(1..=GROUP_BYTES_MAX).contains(&group.len()) {
            return Err(Error::Group { bytes: group.len(), bytes_max: GROUP_BYTES_MAX });
        }
        let busy = || Error::Busy { stream: stream.to_owned(), partition, group: group.to_owned() };
        let key = lease_key(&found, group);
        let taken = self.place(&key).await.ok_or_else(busy)?;
        let opening = Opening {
            connection: self.connection.clone(),
            partition: found,
            leases: Arc::clone(&self.leases),
            key,
            group: group.to_owned(),
            credits: credits.max(1),
        };
        let (lane, task) = lane::open(&opening).await?.ok_or_else(busy)?;
        let (stop, closed) = (self.closed.child_token(), self.closed.clone());
        let place = Arc::clone(&taken.place);
        let ending = Box::new(move || place.ending.store(true, Relaxed));
        let reader = Reader::new(lane, stop.clone().drop_guard(), ending);
        self.lanes.spawn(async move {
            task.run(stop, closed).await;
            drop(taken);
        });
        Ok(Box::new(reader))
    }

    async fn forget(&self, stream: &str, group: &str) -> Result<()> {
        self.check_open()?;
        let partitions = self.streams.partitions(stream).await?;
        if partitions.is_empty() {
            return Err(Error::UnknownStream { stream: stream.to_owned(), partition: 0 });
        }
        // In this process a place that is being given back is waited for; elsewhere its lease says so.
        let mut places = Vec::with_capacity(partitions.len());
        for partition in &partitions {
            let key = lease_key(partition, group);
            let busy = || Error::Busy {
                stream: stream.to_owned(),
                partition: partition.number,
                group: group.to_owned(),
            };
            places.push(self.place(&key).await.ok_or_else(busy)?);
            if self.leases.is_held(&key).await? {
                return Err(busy());
            }
        }
        for partition in partitions {
            self.leases.remove(&lease_key(&partition, group)).await?;
            for found in consumer::list(&self.connection, &partition).await? {
                if found.group == group {
                    consumer::delete(&self.connection, &partition.name, &found.info.name).await?;
                }
            }
            retention::tidy(&self.connection, &partition).await?;
        }
        Ok(())
    }
}
