//! Several centers over one bus, each with its own store: partitions move, and what belongs to them moves along.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use bus::{Bus, Placement, StreamSpec, partition_of};
use model::Name;
use parking_lot::Mutex;
use store::Memory;
use tokio::sync::{oneshot, watch};

use crate::support::{self, Diary, FlakyBus, Setup, bundle, chain, message, new_bus, step};

/// A placement that a test deals.
#[derive(Clone)]
struct Dealt(Arc<(Mutex<BTreeSet<u32>>, watch::Sender<u64>)>);

impl Dealt {
    fn new(partitions: impl IntoIterator<Item = u32>) -> Self {
        Self(Arc::new((Mutex::new(partitions.into_iter().collect()), watch::Sender::new(0))))
    }

    fn deal(&self, partitions: impl IntoIterator<Item = u32>) {
        *self.0.0.lock() = partitions.into_iter().collect();
        self.0.1.send_modify(|times| *times += 1);
    }
}

impl Placement for Dealt {
    fn is_mine(&self, _: &str, partition: u32, _: u32) -> bool {
        self.0.0.lock().contains(&partition)
    }

    fn decline(&self, _: &str, _: u32) {}

    fn changes(&self) -> watch::Receiver<u64> {
        self.0.1.subscribe()
    }
}

/// A process of a fleet that counts messages by key.
async fn counting() -> Setup {
    let mut setup = Setup::new().await.with(&[
        ("bundles/a.wasm", &bundle("a", "1.0.0", "count")),
        ("chains/feed.toml", &chain("", &[step("a", "a@^1", "grants = [\"state\"]")])),
    ]);
    setup.options.changelog = true;
    // Small, so that snapshots happen.
    setup.options.changelog_records_max = 5;
    setup
}

/// Another process on the same bus, with the same files and a disk of its own.
fn beside(setup: &Setup, placement: &Dealt) -> Setup {
    let (store, placement) = (Arc::new(Memory::new(mpc::TABLES)), Arc::new(placement.clone()));
    Setup { store, placement, ..setup.clone() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_that_moves_takes_its_state_along() {
    const ROUNDS: usize = 12;
    const KEYS: usize = 9;
    let setup = counting().await;
    let placements = [Dealt::new(0..4), Dealt::new([]), Dealt::new([])];
    let mut nodes = Vec::new();
    for placement in &placements {
        nodes.push(beside(&setup, placement).start().await);
    }
    let mut sink = nodes[0].sink("out").await;
    let mut id = 0;
    let mut counted: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for round in 0..ROUNDS {
        let posts: Vec<_> = (0..60)
            .map(|n| {
                id += 1;
                message(id, &format!("k{}", n % KEYS), "x")
            })
            .collect();
        nodes[0].post(posts).await;
        // In the middle of it every partition goes to the next process, each at its own pace.
        for (at, placement) in placements.iter().enumerate() {
            placement.deal((0..4).filter(|partition| (*partition as usize + round) % 3 == at));
        }
        if round % 3 == 0 {
            for message in sink.take(60).await {
                counted.entry(message.key).or_default().push(String::from_utf8_lossy(&message.body).into());
            }
        }
    }
    for message in sink.take(60 * ROUNDS - counted.values().map(Vec::len).sum::<usize>()).await {
        counted.entry(message.key).or_default().push(String::from_utf8_lossy(&message.body).into());
    }
    for (key, bodies) in &counted {
        let expected: Vec<_> = (0..bodies.len()).map(|n| format!("x|{n}")).collect();
        assert_eq!(*bodies, expected, "key {key}: counted once each, in order, wherever its partition was");
    }
    for node in nodes {
        node.center.drain().await;
    }
    assert!(sink.rest().is_empty());
}

#[tokio::test]
async fn a_fresh_disk_begins_where_the_changelog_is() {
    let setup = counting().await;
    let placement = Dealt::new(0..4);
    let node = beside(&setup, &placement).start().await;
    let mut sink = node.sink("out").await;
    node.post((0..50).map(|n| message(n, "k", "x")).collect()).await;
    sink.take(50).await;
    node.center.drain().await;
    let node = beside(&setup, &placement).start().await;
    node.post(vec![message(50, "k", "x")]).await;
    assert_eq!(sink.take(1).await[0].body, "x|50");
    node.center.drain().await;
}

#[tokio::test]
async fn what_the_bus_has_forgotten_the_lane_remembers() {
    let mut setup = counting().await;
    let bus = Arc::new(FlakyBus::new(new_bus().await, Diary::default()));
    bus.forgetful.store(true, SeqCst);
    let posts = StreamSpec::new(Name::new("posts").unwrap(), 4);
    bus.inner.provision(&StreamSpec { dedupe_window: Duration::ZERO, ..posts }).await.unwrap();
    setup.bus = Arc::clone(&bus) as Arc<dyn Bus>;
    let placement = Dealt::new(0..4);
    let node = beside(&setup, &placement).start().await;
    let mut sink = node.sink("out").await;
    // Twice in one batch, and again in a later one.
    node.post(vec![message(1, "k", "x"), message(1, "k", "x"), message(2, "k", "x")]).await;
    node.post(vec![message(2, "k", "x"), message(3, "k", "x")]).await;
    let bodies: Vec<_> = sink.take(3).await.into_iter().map(|message| message.body).collect();
    assert_eq!(bodies, ["x|0", "x|1", "x|2"]);
    node.center.drain().await;
    // On another machine, too.
    let node = beside(&setup, &placement).start().await;
    node.post(vec![message(3, "k", "x"), message(1, "k", "x"), message(4, "k", "x")]).await;
    assert_eq!(sink.take(1).await[0].body, "x|3");
    node.center.drain().await;
    assert!(sink.rest().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_that_lost_its_partition_commits_nothing_once_its_own_process_has_it_again() {
    let mut setup = counting().await;
    let diary = Diary::default();
    let bus = Arc::new(FlakyBus::new(new_bus().await, Arc::clone(&diary)));
    setup.bus = Arc::clone(&bus) as Arc<dyn Bus>;
    // A batch that settles beside one that has run: so the lane asks for nothing, and does not hear what it has lost.
    let (release, until) = oneshot::channel();
    *bus.slow.lock() = Some(("out", until));
    let mine = [partition_of("k", 4)];
    let placement = Dealt::new(mine);
    let node = beside(&setup, &placement).start().await;
    let mut sink = node.sink("out").await;
    let happened = async |what: &str| {
        support::until(what, async || diary.lock().iter().any(|note| note == what)).await;
    };
    node.post(vec![message(0, "k", "x")]).await;
    happened("slow out").await;
    node.post(vec![message(1, "k", "x")]).await;
    support::until("both are in hand", async || bus.fetched.load(SeqCst) == 2).await;
    bus.lose_place().await;
    placement.deal([]);
    support::until("the lane closes", async || node.center.chains()[0].lanes.is_empty()).await;
    placement.deal(mine);
    // The next life has the first two anew.
    let mut bodies = async |count| {
        let arrived = sink.take(count).await.into_iter();
        arrived.map(|message| String::from_utf8_lossy(&message.body).into_owned()).collect::<Vec<_>>()
    };
    assert_eq!(bodies(2).await, ["x|0", "x|1"]);
    node.post(vec![message(2, "k", "x")]).await;
    assert_eq!(bodies(1).await, ["x|2"]);
    happened("ack").await;
    release.send(()).unwrap();
    happened("left posts").await;
    for id in 3..6 {
        node.post(vec![message(id, "k", "x")]).await;
        assert_eq!(bodies(1).await, [format!("x|{id}")]);
    }
    node.center.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_made_of_another_lifes_rows_does_not_get_out() {
    let diary = Diary::default();
    let bus = Arc::new(FlakyBus::new(new_bus().await, Arc::clone(&diary)));
    let mut setup = counting().await.with(&[
        ("bundles/g.wasm", &bundle("g", "1.0.0", "gate")),
        ("chains/feed.toml", &chain("", &[step("g", "g@^1", ""), step("a", "a@^1", "grants = [\"state\"]")])),
    ]);
    setup.bus = Arc::clone(&bus) as Arc<dyn Bus>;
    // One of them stands at the gate.
    setup.options.workers = 2;
    let mine = [partition_of("k", 4)];
    let placement = Dealt::new(mine);
    let node = beside(&setup, &placement).start().await;
    let gate = Arc::clone(&node.bundles.gate);
    let mut sink = node.sink("out").await;
    gate.shut();
    node.post(vec![message(0, "k", "x")]).await;
    support::until("it runs", async || gate.is_taken()).await;
    bus.silent.store(true, SeqCst);
    bus.lose_place().await;
    placement.deal([]);
    support::until("the lane closes", async || node.center.chains()[0].lanes.is_empty()).await;
    placement.deal(mine);
    assert_eq!(sink.take(1).await[0].body, "x|0");
    let published = || diary.lock().iter().filter(|note| *note == "publish out").count();
    support::until("it is committed", async || diary.lock().iter().any(|note| note == "ack")).await;
    // The first life counts on from what the second one has written, under an id that may be new to the bus.
    gate.open();
    support::until("it has left", async || diary.lock().iter().any(|note| note == "left posts")).await;
    assert_eq!(published(), 1);
    node.center.drain().await;
}
