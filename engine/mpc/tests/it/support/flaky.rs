//! A bus and a store that refuse when they are told to.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use async_trait::async_trait;
use bus::{
    Bus, Delivery, Error, Published, Settle, Settlement, Settler, StreamSpec, Subscription,
    conformance::Around,
};
use model::Message;
use parking_lot::Mutex;
use store::{Batch, Snapshot, Store};
use tokio::sync::oneshot;

/// Fails publishing, and keeps a diary of what happened in which order.
pub(crate) struct FlakyBus {
    /// The bus below, which does as asked.
    pub(crate) inner: Arc<dyn Bus>,
    /// How many publishes to come fail, with an error that cannot be retried.
    pub(crate) broken: AtomicU32,
    /// How many publishes to come are refused for now.
    pub(crate) overloaded: AtomicU32,
    /// A stream that may not be made.
    pub(crate) denied: Option<&'static str>,
    /// A stream that has no room and gets none, and how many publishes it refused.
    pub(crate) full: Mutex<Option<&'static str>>,
    pub(crate) waits: AtomicU32,
    /// How many publishes to come are done without an answer.
    pub(crate) unanswered: AtomicU32,
    /// How many times to come it does not hear that it is to forget a group.
    pub(crate) remembering: AtomicU32,
    /// It says that it forgets message ids at once.
    pub(crate) forgetful: AtomicBool,
    /// A stream, and until when the next publish to it is on its way.
    pub(crate) slow: Mutex<Option<(&'static str, oneshot::Receiver<()>)>>,
    /// How many messages of `posts` were handed out.
    pub(crate) fetched: Arc<AtomicU32>,
    /// Who lost its place does not hear of it.
    pub(crate) silent: Arc<AtomicBool>,
    /// The newest subscription to `posts`.
    reading: Mutex<Option<Shared>>,
    pub(crate) diary: Diary,
}

/// A subscription, until it is lost.
type Shared = Arc<tokio::sync::Mutex<Option<Box<dyn Subscription>>>>;

/// `publish <stream>` (answered or not), `slow <stream>`, `refused <stream>`, `commit`, `ack`, `forget <stream> <group>`, `left <stream>` (a place that was lost), as they happened.
pub(crate) type Diary = Arc<Mutex<Vec<String>>>;

impl FlakyBus {
    pub(crate) fn new(inner: Arc<dyn Bus>, diary: Diary) -> Self {
        Self {
            inner,
            broken: AtomicU32::new(0),
            overloaded: AtomicU32::new(0),
            denied: None,
            full: Mutex::default(),
            waits: AtomicU32::new(0),
            unanswered: AtomicU32::new(0),
            remembering: AtomicU32::new(0),
            forgetful: AtomicBool::new(false),
            slow: Mutex::default(),
            fetched: Arc::default(),
            silent: Arc::default(),
            reading: Mutex::default(),
            diary,
        }
    }

    /// Whoever reads `posts`, alone, has its place no longer, and learns of it when it asks: not just now.
    pub(crate) async fn lose_place(&self) {
        let reading = self.reading.lock().take();
        drop(reading.expect("somebody reads").lock().await.take());
    }

    fn note(&self, what: String) {
        self.diary.lock().push(what);
    }
}

fn spend(count: &AtomicU32) -> bool {
    count.fetch_update(SeqCst, SeqCst, |n| n.checked_sub(1)).is_ok()
}

#[async_trait]
impl Around for FlakyBus {
    fn below(&self) -> &dyn Bus {
        &*self.inner
    }

    async fn provision_around(&self, spec: &StreamSpec) -> bus::Result<()> {
        if self.denied == Some(&*spec.name) {
            return Err(Error::Unfit { reason: format!("this user may not make `{}`", spec.name) });
        }
        self.inner.provision(spec).await
    }

    async fn publish_around(
        &self,
        stream: &str,
        partition: u32,
        batch: Vec<Message>,
    ) -> bus::Result<Vec<Published>> {
        if spend(&self.overloaded) {
            self.note(format!("refused {stream}"));
            return Err(Error::Overloaded { queued_bytes: 1, queued_bytes_max: 1 });
        }
        if *self.full.lock() == Some(stream) {
            self.waits.fetch_add(1, SeqCst);
            return Err(Error::Full { reason: "a planted fault".into() });
        }
        if spend(&self.broken) {
            self.note(format!("refused {stream}"));
            return Err(Error::Unavailable { reason: "a planted fault".into() });
        }
        let slow = self.slow.lock().take_if(|(slow, _)| *slow == stream);
        if let Some((_, until)) = slow {
            self.note(format!("slow {stream}"));
            let _ = until.await;
        }
        let published = self.inner.publish(stream, partition, batch).await;
        self.note(format!("publish {stream}"));
        if spend(&self.unanswered) {
            return Err(Error::Away { reason: "a planted fault".into() });
        }
        published
    }

    fn remembers_around(&self) -> Duration {
        if self.forgetful.load(SeqCst) { Duration::ZERO } else { self.inner.remembers() }
    }

    fn subscribed(&self, stream: &str, inner: Box<dyn Subscription>) -> Box<dyn Subscription> {
        let inner: Shared = Arc::new(tokio::sync::Mutex::new(Some(inner)));
        let (mut fetched, mut diary) = (Arc::default(), Diary::default());
        if stream == "posts" {
            (fetched, diary) = (Arc::clone(&self.fetched), Arc::clone(&self.diary));
            *self.reading.lock() = Some(Arc::clone(&inner));
        }
        let silent = Arc::clone(&self.silent);
        Box::new(Noted { stream: stream.to_owned(), inner, fetched, silent, diary })
    }

    async fn forget_around(&self, stream: &str, group: &str) -> bus::Result<()> {
        if spend(&self.remembering) {
            return Err(Error::Away { reason: "a planted fault".into() });
        }
        self.inner.forget(stream, group).await?;
        self.note(format!("forget {stream} {group}"));
        Ok(())
    }
}

struct Noted {
    stream: String,
    inner: Shared,
    fetched: Arc<AtomicU32>,
    silent: Arc<AtomicBool>,
    diary: Diary,
}

impl Noted {
    fn lost(&self) -> Error {
        Error::Lost { stream: self.stream.clone(), partition: 0, group: "whoever read it".to_owned() }
    }
}

#[async_trait]
impl Subscription for Noted {
    async fn fetch(&mut self, max: usize) -> bus::Result<Vec<Delivery>> {
        let deliveries = {
            let mut inner = self.inner.lock().await;
            if inner.is_none() && self.silent.load(SeqCst) {
                drop(inner);
                std::future::pending::<()>().await;
                return Ok(Vec::new());
            }
            inner.as_mut().ok_or_else(|| self.lost())?.fetch(max).await?
        };
        self.fetched.fetch_add(u32::try_from(deliveries.len()).unwrap(), SeqCst);
        let noted = |delivery: Delivery| {
            let settler = NotedSettler { inner: delivery.settle, diary: Arc::clone(&self.diary) };
            Delivery { settle: Settle::new(Box::new(settler)), ..delivery }
        };
        Ok(deliveries.into_iter().map(noted).collect())
    }

    // As `async_trait` would write it, had a subscription to be `Sync`.
    fn lag<'a, 'f>(&'a self) -> Pin<Box<dyn Future<Output = bus::Result<u64>> + Send + 'f>>
    where
        'a: 'f,
        Self: 'f,
    {
        Box::pin(async {
            match self.inner.lock().await.as_ref() {
                Some(inner) => inner.lag().await,
                None if self.silent.load(SeqCst) => Ok(0),
                None => Err(self.lost()),
            }
        })
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        if self.inner.try_lock().is_ok_and(|inner| inner.is_none()) {
            self.diary.lock().push(format!("left {}", self.stream));
        }
    }
}

struct NotedSettler {
    inner: Settle,
    diary: Diary,
}

impl Settler for NotedSettler {
    fn settle(self: Box<Self>, settlement: Settlement) {
        match settlement {
            Settlement::Ack => {
                self.diary.lock().push("ack".into());
                self.inner.ack();
            }
            Settlement::Retry(delay) => self.inner.retry(delay),
        }
    }
}

/// Fails a write when told to.
pub(crate) struct FlakyStore {
    inner: Arc<dyn Store>,
    /// The next write that commits a ledger fails, and leaves nothing behind.
    pub(crate) fail: AtomicBool,
    /// How many writes to come find no room.
    pub(crate) full: AtomicU32,
    pub(crate) diary: Diary,
}

impl FlakyStore {
    pub(crate) fn new(inner: Arc<dyn Store>, diary: Diary) -> Self {
        Self { inner, fail: AtomicBool::new(false), full: AtomicU32::new(0), diary }
    }
}

impl Store for FlakyStore {
    fn write(&self, batch: &Batch) -> store::Result<()> {
        // What a lane announces beside its ledger is no commit of messages.
        let commit = batch.ops().any(|op| op.table() == "ledger" && !op.key().ends_with(b"\0trail"));
        let cause = || Arc::new(std::io::Error::other("a planted fault"));
        if commit && spend(&self.full) {
            self.diary.lock().push("full".into());
            return Err(store::Error::Full { room: store::Room::Disk, source: cause() });
        }
        if commit && self.fail.swap(false, SeqCst) {
            self.diary.lock().push("failed".into());
            return Err(store::Error::Failed { source: cause() });
        }
        self.inner.write(batch)?;
        if commit {
            self.diary.lock().push("commit".into());
        }
        Ok(())
    }

    fn snapshot(&self) -> store::Result<Box<dyn Snapshot + '_>> {
        self.inner.snapshot()
    }
}
