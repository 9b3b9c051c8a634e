//! How many durable single-message publishes a second, and what a consumer that follows costs.
//!
//! `cargo run --release -p catena-bus --example publish [publishers] [seconds] [folder]`
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement")]

extern crate catena_bus as bus;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bus::{Bus, Embedded, Options, StreamSpec, TABLES};
use model::{Message, Name};
use store::{Batch, Lmdb, Snapshot, Store};
use tokio::task::JoinSet;

const STREAM: &str = "posts";
const PARTITIONS: u32 = 4;

/// Counts the rounds and the time that goes into the disk.
struct Counted {
    inner: Lmdb,
    writes: AtomicU64,
    micros: AtomicU64,
}

impl Store for Counted {
    fn write(&self, batch: &Batch) -> store::Result<()> {
        let started = Instant::now();
        let result = self.inner.write(batch);
        self.writes.fetch_add(1, Relaxed);
        self.micros.fetch_add(u64::try_from(started.elapsed().as_micros()).unwrap(), Relaxed);
        result
    }

    fn snapshot(&self) -> store::Result<Box<dyn Snapshot + '_>> {
        self.inner.snapshot()
    }
}

#[tokio::main(flavor = "multi_thread")]
async fn main() {
    let mut args = std::env::args().skip(1);
    let publishers: u64 = args.next().map_or(64, |n| n.parse().unwrap());
    let seconds: u64 = args.next().map_or(3, |n| n.parse().unwrap());
    let kept = tempfile::tempdir().unwrap();
    let folder = args.next().map_or_else(|| kept.path().to_owned(), Into::into);

    for consumers in [0, PARTITIONS] {
        let inner = Lmdb::open(&store::Options::new(folder.join(consumers.to_string()), TABLES)).unwrap();
        let store = Arc::new(Counted { inner, writes: AtomicU64::new(0), micros: AtomicU64::new(0) });
        let bus = Arc::new(Embedded::open(Arc::clone(&store) as _, Options::default()).unwrap());
        bus.provision(&StreamSpec::new(Name::new(STREAM).unwrap(), PARTITIONS)).await.unwrap();
        let mut reading = JoinSet::new();
        for partition in 0..consumers {
            let mut subscription = bus.subscribe(STREAM, partition, "bench", 4096).await.unwrap();
            reading.spawn(async move {
                while let Ok(deliveries) = subscription.fetch(256).await {
                    deliveries.into_iter().for_each(|delivery| delivery.settle.ack());
                }
            });
        }
        let started = Instant::now();
        let until = started + Duration::from_secs(seconds);
        let mut publishing = JoinSet::new();
        for publisher in 0..publishers {
            let bus = Arc::clone(&bus);
            publishing.spawn(async move {
                let mut latencies = Vec::new();
                for n in 0_u64.. {
                    let began = Instant::now();
                    if began > until {
                        break;
                    }
                    let message = Message {
                        id: format!("{publisher}-{n:016x}"),
                        kind: "note".to_owned(),
                        key: publisher.to_string(),
                        body: vec![b'x'; 1024].into(),
                        ..Message::default()
                    };
                    let partition = bus::partition_of(&message.key, PARTITIONS);
                    bus.publish(STREAM, partition, vec![message]).await.unwrap();
                    latencies.push(began.elapsed());
                }
                latencies
            });
        }
        let mut latencies: Vec<Duration> = publishing.join_all().await.into_iter().flatten().collect();
        let elapsed = started.elapsed().as_secs_f64();
        latencies.sort_unstable();
        let rate = latencies.len() as f64 / elapsed;
        let at = |share: f64| latencies.get((latencies.len() as f64 * share) as usize).unwrap();
        println!(
            "{publishers} publishers, {consumers} consumers: {rate:.0} messages/s, p50 {:?}, p99 {:?}",
            at(0.5),
            at(0.99)
        );
        let (writes, micros) = (store.writes.load(Relaxed), store.micros.load(Relaxed));
        println!(
            "  {writes} rounds of {:.1} messages, {:.0} us each in the store, {:.0} % of the time",
            latencies.len() as f64 / writes as f64,
            micros as f64 / writes as f64,
            micros as f64 / elapsed / 1e4
        );
        bus.close().await;
        reading.join_all().await;
    }
}
