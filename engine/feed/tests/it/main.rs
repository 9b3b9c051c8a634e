//! From the forwarder to feed pages, over the embedded bus in memory, with a chain that passes everything.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here is a test")]

mod delivery;
mod forwarder;
mod lanes;
mod model_of_feeds;

use std::sync::Arc;

use bus::Embedded;
use catena_feed::{FanOut, Forwarder, NewPost, provision};
use inbox::{Inbox, Options};
use lanes::Lanes;
use relations::{LiveMap, PostId, ShardMap, UserId};
use store::{Memory, Store};

const PARTITIONS: u32 = 3;

/// A feed without HTTP and processors.
struct World {
    bus: Arc<Embedded>,
    forwarder: Forwarder,
    lanes: Lanes,
    inbox: Inbox,
    map: LiveMap,
    stores: Vec<Arc<dyn Store>>,
}

impl World {
    async fn new(map: ShardMap) -> Self {
        let bus = Embedded::open(Arc::new(Memory::new(bus::TABLES)), bus::Options::default()).unwrap();
        let bus = Arc::new(bus);
        provision(&*bus, PARTITIONS, map.shards()).await.unwrap();
        let stores: Vec<Arc<dyn Store>> =
            (0..map.shards()).map(|_| Arc::new(Memory::new(inbox::TABLES)) as Arc<dyn Store>).collect();
        let map = LiveMap::new(map);
        let inbox = open(&bus, &stores, &map).await;
        Self {
            forwarder: Forwarder::new(bus.clone(), PARTITIONS, map.clone()),
            lanes: Lanes::new(bus.clone(), FanOut::new(map.clone())),
            bus,
            inbox,
            map,
            stores,
        }
    }

    async fn restart_inbox(&mut self) {
        self.inbox.close().await;
        self.inbox = open(&self.bus, &self.stores, &self.map).await;
    }

    /// Runs everything accepted so far through lanes and shards.
    async fn settle(&mut self) {
        self.lanes.run().await;
        self.inbox.wait_caught_up().await.unwrap();
    }

    fn feed(&self, user: u64) -> Vec<PostId> {
        ids(&self.inbox.feed(UserId(user), None, 10_000).unwrap())
    }
}

async fn open(bus: &Arc<Embedded>, stores: &[Arc<dyn Store>], map: &LiveMap) -> Inbox {
    let options = Options { batch_messages_max: 5, batch_entries_max: 6, block_entries_max: 3 };
    Inbox::alone(options, bus.clone(), Arc::new(stores.to_vec()), map.clone()).await.unwrap()
}

fn new_post(author: u64, text: &str) -> NewPost {
    let json = serde_json::json!({"actor": author, "text": text});
    NewPost::from_json(json.to_string().as_bytes()).unwrap()
}

fn ids(page: &inbox::Page) -> Vec<PostId> {
    let json: serde_json::Value = serde_json::from_slice(&page.to_json()).unwrap();
    let items = json["items"].as_array().unwrap();
    items.iter().map(|item| item["id"].as_str().unwrap().parse().unwrap()).collect()
}
