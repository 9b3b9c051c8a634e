//! How many durable publishes, reads and acknowledged deliveries a second over a NATS server that is running.
//!
//! `cargo run --release -p catena-fleet --example rates [url] [messages]`
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement")]

extern crate catena_fleet as fleet;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bus::{Bus, StreamSpec};
use fleet::{Connection, JetStream, Options};
use model::{Message, Name};
use tokio::task::JoinSet;

const STREAM: &str = "posts";

fn message(n: usize) -> Message {
    Message {
        id: format!("{n:016x}"),
        kind: "note".to_owned(),
        key: (n % 997).to_string(),
        body: vec![b'x'; 1024].into(),
        ..Message::default()
    }
}

fn say(what: &str, count: usize, took: Duration) {
    println!("{what:<48} {:>9.0}/s", count as f64 / took.as_secs_f64());
}

async fn open(url: &str, partitions: u32) -> Arc<JetStream> {
    let prefix = format!("rates-{:x}", std::process::id() as usize + COUNT.fetch_add(1, Relaxed));
    let options = Options { urls: vec![url.to_owned()], prefix, ..Options::default() };
    let bus = JetStream::open(&Connection::open(options).await.unwrap()).await.unwrap();
    bus.provision(&StreamSpec::new(Name::new(STREAM).unwrap(), partitions)).await.unwrap();
    Arc::new(bus)
}

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// `lanes` callers for each partition, each publishing batches one after the other.
async fn publish(
    bus: &Arc<JetStream>,
    partitions: u32,
    lanes: usize,
    batch: usize,
    total: usize,
) -> Duration {
    let next = Arc::new(AtomicUsize::new(0));
    let began = Instant::now();
    let mut callers = JoinSet::new();
    for caller in 0..lanes * partitions as usize {
        let (bus, next) = (Arc::clone(bus), Arc::clone(&next));
        callers.spawn(async move {
            loop {
                let from = next.fetch_add(batch, Relaxed);
                if from >= total {
                    return;
                }
                let batch = (from..from + batch).map(message).collect();
                bus.publish(STREAM, caller as u32 % partitions, batch).await.unwrap();
            }
        });
    }
    callers.join_all().await;
    began.elapsed()
}

#[tokio::main(flavor = "multi_thread")]
async fn main() {
    let mut args = std::env::args().skip(1);
    let url = args.next().unwrap_or_else(|| "nats://127.0.0.1:4222".to_owned());
    let total: usize = args.next().map_or(100_000, |n| n.parse().unwrap());

    for (partitions, lanes, batch, share) in
        [(1, 1, 500, 1), (4, 1, 500, 1), (1, 64, 1, 4), (4, 16, 1, 4), (1, 1, 1, 50)]
    {
        let bus = open(&url, partitions).await;
        let count = total / share;
        let took = publish(&bus, partitions, lanes, batch, count).await;
        let callers = lanes * partitions as usize;
        say(&format!("publish, {callers} callers, batches of {batch}, {partitions} partitions"), count, took);
        bus.close().await;
    }

    let bus = open(&url, 1).await;
    publish(&bus, 1, 1, 500, total).await;
    let began = Instant::now();
    let mut from = 1;
    while let Some(last) = bus.read(STREAM, 0, from, 500).await.unwrap().last() {
        from = last.sequence + 1;
    }
    say("read, 500 at a time", total, began.elapsed());
    let began = Instant::now();
    for n in 0..1000 {
        bus.read(STREAM, 0, n + 1, 1).await.unwrap();
    }
    say("read, 1 at a time", 1000, began.elapsed());

    let mut subscription = bus.subscribe(STREAM, 0, "bench", 4096).await.unwrap();
    let (began, mut count) = (Instant::now(), 0);
    while count < total {
        let deliveries = subscription.fetch(256).await.unwrap();
        count += deliveries.len();
        deliveries.into_iter().for_each(|delivery| delivery.settle.ack());
    }
    say("fetch and acknowledge", total, began.elapsed());
    bus.close().await;
}
