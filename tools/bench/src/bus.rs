//! The embedded bus, published to and followed at the same time, beside its floor: the same bytes in groups of the same size,
//! appended to a plain file and synced.

use std::{
    fs::File,
    io::Write as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bus::{Bus as _, Embedded, StreamSpec, Subscription};
use model::{Message, Name};
use store::{Batch, Lmdb, Snapshot, Store};
use tokio::task::JoinSet;

use crate::{message, report::Row, turns::median};

const STREAM: &str = "posts";
const PARTITIONS: u32 = 4;
/// Bus and floor take turns so often.
const ROUNDS: u32 = 3;
/// Unsettled messages of one follower.
const CREDITS: usize = 4_096;

/// Who publishes, and how much at once.
struct Manner {
    what: &'static str,
    publishers: usize,
    lot: usize,
}

const MANNERS: [Manner; 2] = [
    Manner { what: "64 publishers, a message each", publishers: 64, lot: 1 },
    Manner { what: "4 publishers, 256 messages each", publishers: 4, lot: 256 },
];

/// Runs the benchmark.
pub(crate) async fn run(time: Duration) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for Manner { what, publishers, lot } in MANNERS {
        let (mut reached, mut floors, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let folder = tempfile::tempdir_in(testkit::bundles::target())?;
            let went = publish(folder.path(), publishers, lot, time / ROUNDS).await?;
            reached.push(went.rate);
            sizes.push(went.group);
            floors.push(floor(&folder.path().join("floor"), went.group, time / ROUNDS)?);
        }
        let size = median(sizes);
        let row = Row::new(format!("{what}, durable and followed"), median(reached), "/s");
        rows.push(
            row.beside("plain file", median(floors))
                .note(format!("1 KB; {size:.0} messages share a sync, in the file too")),
        );
    }
    Ok(rows)
}

struct Went {
    /// Messages a second, until the last was settled.
    rate: f64,
    /// Messages that went into the store together, on average.
    group: f64,
}

async fn publish(folder: &Path, publishers: usize, lot: usize, time: Duration) -> anyhow::Result<Went> {
    let options = store::Options::new(folder.join("bus"), bus::TABLES);
    let store = Arc::new(Counted { inner: Lmdb::open(&options)?, writes: AtomicU64::new(0) });
    let bus = Arc::new(Embedded::open(Arc::clone(&store) as _, bus::Options::default())?);
    bus.provision(&StreamSpec::new(Name::new(STREAM)?, PARTITIONS)).await?;
    let seen = Arc::new(AtomicU64::new(0));
    let mut following = JoinSet::new();
    for partition in 0..PARTITIONS {
        let subscription = bus.subscribe(STREAM, partition, "bench", CREDITS).await?;
        following.spawn(follow(subscription, Arc::clone(&seen)));
    }
    let (began, before) = (Instant::now(), store.writes.load(Relaxed));
    let mut publishing = JoinSet::new();
    for publisher in 0..publishers {
        let bus = Arc::clone(&bus);
        publishing.spawn(async move {
            let (partition, mut sent) = (u32::try_from(publisher)? % PARTITIONS, 0);
            let body = message::of(message::BYTES);
            while began.elapsed() < time {
                let one = |n| Message { id: format!("{publisher}-{n:016x}"), ..body.clone() };
                bus.publish(STREAM, partition, (sent..sent + lot).map(one).collect()).await?;
                sent += lot;
            }
            anyhow::Ok(sent as u64)
        });
    }
    let mut sent = 0;
    while let Some(one) = publishing.join_next().await {
        sent += one??;
    }
    while seen.load(Relaxed) < sent {
        anyhow::ensure!(began.elapsed() < 10 * time, "the followers do not keep up");
        tokio::task::yield_now().await;
    }
    let (took, writes) = (began.elapsed(), store.writes.load(Relaxed) - before);
    bus.close().await;
    following.shutdown().await;
    Ok(Went { rate: sent as f64 / took.as_secs_f64(), group: sent as f64 / writes.max(1) as f64 })
}

async fn follow(mut subscription: Box<dyn Subscription>, seen: Arc<AtomicU64>) {
    // It ends when the bus is closed.
    while let Ok(deliveries) = subscription.fetch(256).await {
        let count = deliveries.len() as u64;
        deliveries.into_iter().for_each(|delivery| delivery.settle.ack());
        seen.fetch_add(count, Relaxed);
    }
}

/// Messages a second, appended in groups to a plain file that is synced after each.
fn floor(path: &Path, group: f64, time: Duration) -> anyhow::Result<f64> {
    let body = message::of(message::BYTES);
    let bytes = vec![b'x'; (body.size_bytes() as f64 * group) as usize];
    let mut file = File::create(path)?;
    let (began, mut groups) = (Instant::now(), 0.0);
    while began.elapsed() < time {
        file.write_all(&bytes)?;
        file.sync_data()?;
        groups += 1.0;
    }
    Ok(groups * group / began.elapsed().as_secs_f64())
}

/// A store that counts what is written to it together.
struct Counted {
    inner: Lmdb,
    writes: AtomicU64,
}

impl Store for Counted {
    fn write(&self, batch: &Batch) -> store::Result<()> {
        self.writes.fetch_add(1, Relaxed);
        self.inner.write(batch)
    }

    fn snapshot(&self) -> store::Result<Box<dyn Snapshot + '_>> {
        self.inner.snapshot()
    }
}
