#![allow(clippy::unwrap_used, reason = "what fails here is a test")]

use async_trait::async_trait;
use bus::{Kept, MemoryKeys, Watch};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::timeout,
};
use tracing::{
    Event, Level, Metadata, Subscriber,
    span::{Attributes, Id, Record},
};

use super::*;

const TTL: Duration = Duration::from_secs(6);
const KEY: &str = "posts.0.feed";

type Said = Result<Vec<Change>>;

/// Keys whose watches say what the test has them say.
struct Told {
    keys: MemoryKeys,
    said: Arc<tokio::sync::Mutex<UnboundedReceiver<Said>>>,
}

impl Told {
    fn over(keys: &MemoryKeys) -> (Arc<Self>, UnboundedSender<Said>) {
        let (say, said) = unbounded_channel();
        (Arc::new(Self { keys: keys.clone(), said: Arc::new(tokio::sync::Mutex::new(said)) }), say)
    }
}

#[async_trait]
impl KeyValue for Told {
    async fn get(&self, key: &str) -> Result<Option<Kept>> {
        self.keys.get(key).await
    }

    async fn put(&self, key: &str, value: Bytes, expected: u64) -> Result<u64> {
        self.keys.put(key, value, expected).await
    }

    async fn remove(&self, key: &str, expected: u64) -> Result<()> {
        self.keys.remove(key, expected).await
    }

    async fn watch(&self, _: &str) -> Result<Box<dyn Watch>> {
        Ok(Box::new(Telling(Arc::clone(&self.said))))
    }
}

struct Telling(Arc<tokio::sync::Mutex<UnboundedReceiver<Said>>>);

#[async_trait]
impl Watch for Telling {
    async fn next(&mut self) -> Said {
        self.0.lock().await.recv().await.unwrap()
    }
}

/// Levels of what is logged, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Level>>>);

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        if event.metadata().target().contains("lease") {
            self.0.lock().push(*event.metadata().level());
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn leases(keys: Arc<dyn KeyValue>, me: &str) -> Leases {
    Leases::new(keys, me.to_owned(), me.to_owned(), TTL)
}

fn put(revision: u64) -> Said {
    Ok(vec![Change::Put(Kept { key: KEY.to_owned(), value: Bytes::new(), revision })])
}

#[tokio::test(start_paused = true)]
async fn a_dead_holders_lease_is_had_although_the_watch_lags_behind() {
    let memory = MemoryKeys::default();
    let dead = leases(Arc::new(memory.clone()), "dead");
    let held = dead.take(KEY, "feed").await.unwrap().unwrap();
    let last = dead.write(KEY, &held.lease, held.revision).await.unwrap();

    let (told, say) = Told::over(&memory);
    let contender = Arc::new(leases(told, "contender"));
    let following = Arc::clone(&contender);
    let follow = tokio::spawn(async move { following.follow().await });
    say.send(put(last)).unwrap();
    let began = Instant::now();
    while began.elapsed() < TTL {
        assert!(contender.take(KEY, "feed").await.unwrap().is_none(), "after {:?}", began.elapsed());
        say.send(put(held.revision)).unwrap();
        sleep(TTL / 10).await;
    }
    let taken = contender.take(KEY, "feed").await.unwrap().unwrap();
    assert!(matches!(taken.taken, Taken::Expired));
    assert_eq!(taken.lease.epoch, held.lease.epoch + 1);
    follow.abort();
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_was_renewed_is_left_alone_whatever_the_watch_brings_late() {
    let memory = MemoryKeys::default();
    let holder = leases(Arc::new(memory.clone()), "holder");
    let mut held = holder.take(KEY, "feed").await.unwrap().unwrap();
    let contender = leases(Arc::new(memory.clone()), "contender");
    for _ in 0..10 {
        let old = held.revision;
        held.revision = holder.write(KEY, &held.lease, old).await.unwrap();
        assert!(contender.take(KEY, "feed").await.unwrap().is_none());
        let since = contender.seen_since(KEY, held.revision);
        sleep(TTL / 3).await;
        contender.heard(KEY, old);
        assert_eq!(contender.seen_since(KEY, held.revision), since);
        assert!(contender.take(KEY, "feed").await.unwrap().is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn in_a_bucket_that_was_made_anew_a_lease_is_young() {
    let holder = leases(Arc::new(MemoryKeys::default()), "holder");
    let held = holder.take(KEY, "feed").await.unwrap().unwrap();
    let contender = leases(holder.keys.clone(), "contender");
    contender.heard(KEY, held.revision + 5000);
    sleep(2 * TTL).await;
    assert!(contender.take(KEY, "feed").await.unwrap().is_none());
    sleep(TTL).await;
    assert!(matches!(contender.take(KEY, "feed").await.unwrap().unwrap().taken, Taken::Expired));
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_stays_broken_is_told_of_once_and_so_is_its_return() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let (told, say) = Told::over(&MemoryKeys::default());
    let broken = || Err(Error::Away { reason: "nobody is there".to_owned() });
    let said = [broken(), broken(), broken(), put(1), put(2), broken(), broken(), Ok(Vec::new())];
    said.into_iter().for_each(|said| say.send(said).unwrap());
    timeout(10 * TTL, leases(told, "me").follow()).await.unwrap_err();
    assert_eq!(*log.0.lock(), [Level::WARN, Level::INFO, Level::WARN, Level::INFO]);
}
