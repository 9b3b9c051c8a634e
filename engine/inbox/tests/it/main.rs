//! Shards over the embedded bus, in memory.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "what fails here is a test")]

mod faults;
mod growth;
mod moves;
mod pages;
mod placed;
mod position;
mod remote;
mod witness;

use std::sync::Arc;

use bus::{Bus, Embedded, StreamSpec};
use catena_inbox::{self as inbox, Inbox, Options, TABLES};
use model::{Message, Name};
use relations::{Activity, Control, Edge, LiveMap, PostId, ShardMap, UserId, stream::INBOX};
use store::{Memory, Store};

/// Sizes at which a few messages are several batches and blocks.
const SMALL: Options = Options { batch_messages_max: 10, batch_entries_max: 7, block_entries_max: 4 };

/// What outlives a restart: the bus's store and each shard's.
struct Disk {
    bus: Arc<Memory>,
    shards: Vec<Arc<Memory>>,
    map: ShardMap,
}

impl Disk {
    fn new(map: ShardMap) -> Self {
        let shards = (0..map.shards()).map(|_| Arc::new(Memory::new(TABLES))).collect();
        Self { bus: Arc::new(Memory::new(bus::TABLES)), shards, map }
    }

    async fn bus(&self, retain: u64) -> Arc<Embedded> {
        let bus = Embedded::open(self.bus.clone(), bus::Options::default()).unwrap();
        let spec = StreamSpec::new(Name::new(INBOX).unwrap(), self.map.shards()).retaining(retain);
        bus.provision(&spec).await.unwrap();
        Arc::new(bus)
    }

    async fn inbox(&self, bus: &Arc<Embedded>) -> inbox::Result<Inbox> {
        let (stores, map) = (Arc::new(self.stores()), LiveMap::new(self.map.clone()));
        Inbox::alone(SMALL, Arc::clone(bus) as _, stores, map).await
    }

    fn stores(&self) -> Vec<Arc<dyn Store>> {
        self.shards.iter().map(|store| Arc::clone(store) as Arc<dyn Store>).collect()
    }
}

/// Does something when it is dropped, so that a test that fails ends.
struct Finally<F: FnMut()>(F);

impl<F: FnMut()> Drop for Finally<F> {
    fn drop(&mut self) {
        self.0();
    }
}

fn follow(user: u64, author: u64) -> Message {
    let edge = Edge { user: UserId(user), author: UserId(author) };
    Control::Follow(edge).to_message(format!("follow-{user}-{author}"))
}

fn note(author: u64, unique: u64) -> Message {
    let post = PostId { author: UserId(author), unique };
    let body = format!("{{\"id\":\"{post}\"}}").into();
    Activity { post, verb: "note".into(), body }.into_message(format!("note-{post}"))
}

/// The unique parts of the posts on a user's first page.
fn feed(inbox: &Inbox, user: u64) -> Vec<u64> {
    unique(&inbox.feed(UserId(user), None, 100).unwrap())
}

fn unique(page: &inbox::Page) -> Vec<u64> {
    let id =
        |item: &inbox::Item| serde_json::from_slice::<serde_json::Value>(&item.post).unwrap()["id"].clone();
    page.items.iter().map(|item| id(item).as_str().unwrap().parse::<PostId>().unwrap().unique).collect()
}
