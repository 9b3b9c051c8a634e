//! Inbox entries written by one shard that catches up with its log: real bus, real store, no HTTP.
//!
//! Beside it, the floor: the same number of index entries written as sorted 16-byte keys straight into the
//! same kind of store, a thousand activities' worth to a batch.

use std::{path::Path, sync::Arc, time::Instant};

use bus::{Bus, StreamSpec};
use inbox::Inbox;
use model::{Message, Name};
use relations::{Activity, Control, Edge, LiveMap, PostId, ShardMap, UserId, stream::INBOX};
use store::{Batch, Durability, Lmdb, Store};

use crate::report::Row;

const USERS: u64 = 4_000;
const FOLLOWERS: u64 = 50;
const POSTS: u64 = 20_000;
const ENTRIES: u64 = POSTS * FOLLOWERS;
/// Messages published to the log at once.
const LOT: usize = 500;
const FLOOR_TABLE: store::Table = "entries";

/// Runs the benchmark.
pub(crate) async fn run() -> anyhow::Result<Vec<Row>> {
    let folder = tempfile::tempdir_in(testkit::bundles::target())?;
    let log: Arc<dyn Bus> = Arc::new(bus::Embedded::open(
        lmdb(&folder.path().join("bus"), bus::TABLES, Durability::Fsync)?,
        bus::Options::default(),
    )?);
    log.provision(&StreamSpec::new(Name::new(INBOX)?, 1)).await?;
    let shard = lmdb(&folder.path().join("inbox"), inbox::TABLES, Durability::Relaxed)?;

    publish(&*log, follows()).await?;
    let filling = open(&log, &shard).await?;
    filling.wait_caught_up().await?;
    filling.close().await;
    publish(&*log, activities()).await?;

    let began = Instant::now();
    let inbox = open(&log, &shard).await?;
    inbox.wait_caught_up().await?;
    let took = began.elapsed();
    let page = inbox.feed(UserId(FOLLOWERS), None, 20)?;
    anyhow::ensure!(page.items.len() == 20, "a feed page has {} posts", page.items.len());
    inbox.close().await;

    let floor = floor(&folder.path().join("floor"))?;
    Ok(vec![
        Row::new("sorted keys into the store", floor, "entries/s"),
        Row::new("inbox entries, one shard", ENTRIES as f64 / took.as_secs_f64(), "entries/s")
            .beside("sorted keys", floor)
            .note(format!(
                "{POSTS} posts of 1 KB to {FOLLOWERS} followers each among {USERS} users, reading the log included"
            )),
    ])
}

async fn open(log: &Arc<dyn Bus>, shard: &Arc<dyn Store>) -> anyhow::Result<Inbox> {
    let (log, stores) = (Arc::clone(log), Arc::new(vec![Arc::clone(shard)]));
    let map = LiveMap::new(ShardMap::single());
    Ok(Inbox::alone(inbox::Options::default(), log, stores, map).await?)
}

fn lmdb(path: &Path, tables: &[store::Table], durability: Durability) -> anyhow::Result<Arc<dyn Store>> {
    Ok(Arc::new(Lmdb::open(&store::Options { durability, ..store::Options::new(path, tables) })?))
}

async fn publish(log: &dyn Bus, messages: impl Iterator<Item = Message>) -> anyhow::Result<()> {
    let messages: Vec<_> = messages.collect();
    for lot in messages.chunks(LOT) {
        log.publish(INBOX, 0, lot.to_vec()).await?;
    }
    Ok(())
}

/// Everyone follows the `FOLLOWERS` users below, wrapping round.
fn follows() -> impl Iterator<Item = Message> {
    (0..USERS).flat_map(|user| {
        (1..=FOLLOWERS).map(move |step| {
            let edge = Edge { user: UserId(user), author: UserId((user + USERS - step) % USERS) };
            Control::Follow(edge).to_message(format!("follow-{user}-{step}"))
        })
    })
}

fn activities() -> impl Iterator<Item = Message> {
    let text = "rain over the harbour, and the ferries late again ".repeat(18);
    (0..POSTS).map(move |n| {
        let post = PostId { author: UserId(n.wrapping_mul(2_654_435_761) % USERS), unique: n };
        let body = format!(r#"{{"id":"{post}","actor":"{}","verb":"note","text":"{text}"}}"#, post.author);
        Activity { post, verb: "note".to_owned(), body: body.into() }.into_message(format!("activity-{n}"))
    })
}

/// Entries a second, as plain as they can be written.
fn floor(path: &Path) -> anyhow::Result<f64> {
    let store = lmdb(path, &[FLOOR_TABLE], Durability::Relaxed)?;
    let per_batch = 1_000 * FOLLOWERS;
    let began = Instant::now();
    for batch in 0..ENTRIES / per_batch {
        let mut entries = Batch::new();
        for n in 0..per_batch {
            let key = [((n * 7) % USERS).to_be_bytes(), (batch * per_batch + n).to_be_bytes()].concat();
            entries.put(FLOOR_TABLE, &key, &[]);
        }
        store.write(&entries)?;
    }
    Ok(ENTRIES as f64 / began.elapsed().as_secs_f64())
}
