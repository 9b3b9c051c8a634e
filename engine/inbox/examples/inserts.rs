//! How fast one shard spreads posts on LMDB, and what an index entry costs on disk.
//!
//! `cargo run --release -p catena-inbox --example inserts [users] [follows of each] [posts]`
#![allow(clippy::print_stdout, reason = "its output is what it is for")]

use std::{error::Error, ops::ControlFlow, sync::Arc, time::Instant};

use bus::{Bus, Embedded, StreamSpec};
use catena_inbox::{Inbox, Options, TABLES};
use model::{Message, Name};
use relations::{Activity, Control, Edge, LiveMap, PostId, ShardMap, UserId, stream::INBOX};
use store::{Durability, Lmdb, Memory, Store};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>());
    let mut next = |default| arguments.next().unwrap_or(Ok(default));
    let (users, follows, posts) = (next(4000)?, next(50)?, next(100_000)?);
    tokio::runtime::Runtime::new()?.block_on(run(users, follows, posts))
}

async fn run(users: u64, follows: u64, posts: u64) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let mut options = store::Options::new(folder.path(), TABLES);
    options.durability = Durability::Relaxed;
    let store = Arc::new(Lmdb::open(&options)?);
    let bus = Arc::new(Embedded::open(Arc::new(Memory::new(bus::TABLES)), bus::Options::default())?);
    bus.provision(&StreamSpec::new(Name::new(INBOX)?, 1)).await?;

    let mut random = 7u64;
    let mut draw = |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let mut edges = Vec::new();
    for user in 0..users {
        for _ in 0..follows {
            // The product of two draws leans to low numbers: some authors have far more followers.
            let author = draw(users) * draw(users) / users;
            let edge = Edge { user: UserId(user), author: UserId(author) };
            edges.push(Control::Follow(edge).to_message(String::new()));
        }
    }
    publish(&bus, edges).await?;
    let stores: Vec<Arc<dyn Store>> = vec![store.clone()];
    let stores = Arc::new(stores);
    let map = LiveMap::new(ShardMap::single());
    let open = || Inbox::alone(Options::default(), bus.clone(), stores.clone(), map.clone());
    let inbox = open().await?;
    inbox.wait_caught_up().await?;
    inbox.close().await;

    let text = "x".repeat(300);
    let notes = (0..posts).map(|unique| {
        let post = PostId { author: UserId(draw(users)), unique };
        let body = format!("{{\"id\":\"{post}\",\"text\":\"{text}\"}}").into();
        Activity { post, verb: "note".to_owned(), body }.into_message(String::new())
    });
    publish(&bus, notes.collect()).await?;

    let begun = Instant::now();
    let inbox = open().await?;
    inbox.wait_caught_up().await?;
    let seconds = begun.elapsed().as_secs_f64();
    let (rows, bytes, entries) = feeds(&*store)?;
    println!("{posts} posts, {entries} inserts in {seconds:.2} s: {:.0} inserts/s", entries as f64 / seconds);
    println!("{:.2} bytes per entry in {rows} blocks", bytes as f64 / entries as f64);

    let begun = Instant::now();
    let pages = 100_000;
    for user in 0..pages {
        std::hint::black_box(inbox.feed(UserId(user % users), None, 20)?.to_json());
    }
    println!("{:.0} pages of 20 per second", pages as f64 / begun.elapsed().as_secs_f64());
    inbox.close().await;
    Ok(())
}

async fn publish(bus: &Embedded, messages: Vec<Message>) -> Result<(), Box<dyn Error>> {
    for batch in messages.chunks(1000) {
        bus.publish(INBOX, 0, batch.to_vec()).await?;
    }
    Ok(())
}

/// Rows, bytes and entries of the feeds' index; a row costs LMDB ten bytes besides its key and value.
fn feeds(store: &dyn Store) -> Result<(usize, usize, usize), store::Error> {
    let (mut rows, mut bytes, mut entries) = (0, 0, 0);
    store.snapshot()?.scan("inbox-feeds", &[], &[], &mut |key, value| {
        rows += 1;
        bytes += key.len() + value.len() + 10;
        entries += 1 + value.iter().filter(|byte| **byte < 0x80).count();
        ControlFlow::Continue(())
    })?;
    Ok((rows, bytes, entries))
}
