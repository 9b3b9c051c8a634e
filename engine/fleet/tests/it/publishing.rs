//! What becomes of publishes when the wire or the server fails under them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bus::{Bounds, Bus, Error, Published, StreamSpec};
use fleet::{Connection, Fault, JetStream, Options};
use model::{Message, Name};
use testkit::nats::{Cluster, Server, Setup};
use tokio::task::JoinSet;

use crate::{
    run,
    subject::options,
    support::{self, Lossy, reconnect},
};

const STREAM: &str = "letters";

fn spec() -> StreamSpec {
    StreamSpec::new(Name::new(STREAM).unwrap(), 1)
}

fn message(id: &str, key: &str) -> Message {
    let (id, key) = (id.to_owned(), key.to_owned());
    Message { id, key, kind: "note".to_owned(), body: vec![b'x'; 100].into(), ..Message::default() }
}

async fn open(options: &Options) -> Arc<JetStream> {
    let connection = Connection::open(options.clone()).await.unwrap();
    Arc::new(JetStream::open(&connection).await.unwrap())
}

async fn ids(bus: &JetStream) -> Vec<String> {
    let (mut ids, mut from) = (Vec::new(), 1);
    loop {
        let read = bus.read(STREAM, 0, from, 500).await.unwrap();
        let Some(last) = read.last() else { return ids };
        from = last.sequence + 1;
        ids.extend(read.into_iter().map(|stored| stored.message.id));
    }
}

async fn until(mut is: impl AsyncFnMut() -> bool) {
    while !is().await {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Two buses over the same streams: one over a wire that can be made to fail, one beside it.
struct Wire {
    lossy: Lossy,
    failing: Arc<JetStream>,
    beside: Arc<JetStream>,
}

async fn wire(fault: Option<Fault>, spec: &StreamSpec) -> Wire {
    let urls = support::alone();
    let lossy = Lossy::before(&urls[0]).await;
    let direct = options(urls);
    let patience = Duration::from_secs(20);
    let through = Options {
        urls: vec![lossy.proxy.url()],
        fault,
        timeout: Duration::from_secs(1),
        patience,
        ..direct.clone()
    };
    let (beside, failing) = (open(&direct).await, open(&through).await);
    failing.provision(spec).await.unwrap();
    failing.publish(STREAM, 0, vec![message("first", "")]).await.unwrap();
    Wire { lossy, failing, beside }
}

/// Publishes while answers are swallowed, until the server has stored everything; then the connection is lost.
async fn publish_unheard(wire: &Wire, batch: Vec<Message>, pause: Duration) -> bus::Result<Vec<Published>> {
    wire.lossy.proxy.stall_answers();
    let (bus, count) = (Arc::clone(&wire.failing), batch.len() as u64);
    let mut publishing = JoinSet::new();
    publishing.spawn(async move { bus.publish(STREAM, 0, batch).await });
    until(async || wire.beside.bounds(STREAM, 0).await.unwrap().last > count).await;
    tokio::time::sleep(pause).await;
    reconnect(&wire.lossy.proxy);
    publishing.join_next().await.unwrap().unwrap()
}

/// Whether everything was stored once, whatever way it went.
async fn unheard_publishes_are_stored_once(fault: Option<Fault>, spec: &StreamSpec, pause: Duration) -> bool {
    for (count, keys) in [(1, 1), (5, 5), (5, 2), (40, 40)] {
        let wire = wire(fault, spec).await;
        let batch: Vec<Message> =
            (0..count).map(|n| message(&n.to_string(), &format!("{}", n % keys))).collect();
        let published = publish_unheard(&wire, batch, pause).await.unwrap();
        let expected: Vec<Published> =
            (2..count as u64 + 2).map(|sequence| Published { sequence, duplicate: false }).collect();
        let stored = ids(&wire.beside).await;
        let wanted: Vec<String> =
            ["first".to_owned()].into_iter().chain((0..count).map(|n| n.to_string())).collect();
        if published != expected || stored != wanted {
            return false;
        }
        wire.failing.close().await;
    }
    true
}

#[test]
fn a_publish_whose_answer_is_lost_is_stored_once() {
    run(async { assert!(unheard_publishes_are_stored_once(None, &spec(), Duration::ZERO).await) });
}

#[test]
fn a_publish_without_its_ids_would_be_stored_twice() {
    run(async {
        let fault = Some(Fault::RetryWithoutIds);
        assert!(
            !unheard_publishes_are_stored_once(fault, &spec(), Duration::ZERO).await,
            "the bug was not caught"
        );
    });
}

#[test]
fn beyond_the_dedupe_window_what_was_stored_is_read_back() {
    run(async {
        let short = StreamSpec { dedupe_window: Duration::from_millis(100), ..spec() };
        assert!(unheard_publishes_are_stored_once(None, &short, Duration::from_millis(300)).await);
    });
}

/// Loses the first of several messages; whether they are stored in order and all of them.
async fn order_survives_a_loss(fault: Option<Fault>, count: usize) -> bool {
    let wire = wire(fault, &spec()).await;
    wire.lossy.lose(1);
    let batch: Vec<Message> = (0..count).map(|n| message(&n.to_string(), "one")).collect();
    let published = wire.failing.publish(STREAM, 0, batch).await.unwrap();
    let stored = ids(&wire.beside).await;
    wire.failing.close().await;
    let in_order = published.iter().map(|published| published.sequence).eq(2..count as u64 + 2);
    in_order && stored.into_iter().skip(1).eq((0..count).map(|n| n.to_string()))
}

#[test]
fn messages_of_one_key_keep_their_order_when_one_is_lost() {
    run(async {
        for count in [2, 30] {
            assert!(order_survives_a_loss(None, count).await);
        }
        assert!(!order_survives_a_loss(Some(Fault::PipelineOneKey), 5).await, "the bug was not caught");
    });
}

/// Publishes into a wire that swallows everything, then breaks; whether what was answered is stored.
async fn what_was_answered_is_stored(fault: Option<Fault>) -> bool {
    let wire = wire(fault, &spec()).await;
    wire.lossy.lose(usize::MAX);
    let (bus, before) = (Arc::clone(&wire.failing), wire.lossy.publishes());
    let mut publishing = JoinSet::new();
    publishing.spawn(async move { bus.publish(STREAM, 0, vec![message("a", "")]).await });
    until(async || wire.lossy.publishes() > before).await;
    wire.lossy.proxy.cut();
    wire.lossy.lose(0);
    wire.lossy.proxy.heal();
    publishing.join_next().await.unwrap().unwrap().unwrap();
    let stored = ids(&wire.beside).await;
    wire.failing.close().await;
    stored == ["first", "a"]
}

#[test]
fn nothing_is_answered_before_it_is_stored() {
    run(async {
        assert!(what_was_answered_is_stored(None).await);
        assert!(
            !what_was_answered_is_stored(Some(Fault::AcknowledgeUnconfirmed)).await,
            "the bug was not caught"
        );
    });
}

#[test]
fn an_append_whose_answer_is_lost_says_so() {
    run(async {
        let wire = wire(None, &spec()).await;
        wire.lossy.proxy.stall_answers();
        let bus = Arc::clone(&wire.failing);
        let mut appending = JoinSet::new();
        appending
            .spawn(async move { bus.append(STREAM, 0, 1, vec![message("", "a"), message("", "b")]).await });
        until(async || wire.beside.bounds(STREAM, 0).await.unwrap().last == 3).await;
        reconnect(&wire.lossy.proxy);
        let answer = appending.join_next().await.unwrap().unwrap();
        assert!(matches!(&answer, Err(error @ Error::Away { .. }) if !error.took_nothing()), "{answer:?}");
        let again = wire.failing.append(STREAM, 0, 1, vec![message("", "a")]).await;
        assert!(matches!(again, Err(Error::Moved { after: 1, .. })), "{again:?}");
        wire.failing.close().await;
    });
}

#[test]
fn publishes_wait_for_a_while_and_within_bounds_while_no_server_is_there() {
    run(async {
        let mut server = Server::start(Setup::relaxed()).await.unwrap();
        let limits = Options {
            patience: Duration::from_millis(500),
            queue_bytes_max: 1800,
            ..options(vec![server.url()])
        };
        let connection = Connection::open(limits).await.unwrap();
        let bus = JetStream::open(&connection).await.unwrap();
        bus.provision(&spec()).await.unwrap();
        bus.publish(STREAM, 0, vec![message("a", "")]).await.unwrap();
        server.kill().await.unwrap();
        connection.link().wait_for(|link| !link.connected).await.unwrap();
        assert!(matches!(bus.check(), Err(Error::Away { .. })));
        let publish = |id: &'static str| bus.publish(STREAM, 0, vec![message(id, "")]);
        let answers = tokio::join!(publish("b"), publish("c"), publish("d"), publish("e"));
        for taken in [&answers.0, &answers.1] {
            assert!(matches!(taken, Err(error @ Error::Away { .. }) if error.retryable()), "{taken:?}");
        }
        for refused in [&answers.2, &answers.3] {
            assert!(matches!(refused, Err(Error::Overloaded { .. })), "{refused:?}");
        }
        server.restart().await.unwrap();
        connection.link().wait_for(|link| link.connected).await.unwrap();
        let again = bus.publish(STREAM, 0, vec![message("b", ""), message("a", "")]).await.unwrap();
        assert_eq!(again.last(), Some(&Published { sequence: 1, duplicate: true }));
        bus.close().await;
    });
}

#[test]
fn a_full_stream_says_what_to_do_and_takes_nothing() {
    run(async {
        let small = Options { partition_bytes_max: Some(4000), ..options(support::alone()) };
        let bus = open(&small).await;
        bus.provision(&spec()).await.unwrap();
        let batch: Vec<Message> = (0..50).map(|n| message(&n.to_string(), "")).collect();
        let full = bus.publish(STREAM, 0, batch).await.unwrap_err();
        assert!(matches!(full, Error::Full { .. }) && full.took_nothing() && full.retryable());
        assert!(full.to_string().contains("raise its `max_bytes`"), "{full}");
        assert_eq!(bus.bounds(STREAM, 0).await.unwrap(), Bounds { first: 1, last: 0 });
        bus.close().await;
    });
}

/// They are sent one by one, as each has a key of its own: the large one finds no room, the small one does.
#[test]
fn a_full_stream_that_took_a_part_does_not_say_that_it_took_nothing() {
    run(async {
        let small = Options { partition_bytes_max: Some(4000), ..options(support::alone()) };
        let bus = open(&small).await;
        bus.provision(&spec()).await.unwrap();
        let large = Message { body: vec![b'x'; 5000].into(), ..message("large", "a") };
        let part = bus.publish(STREAM, 0, vec![large, message("small", "b")]).await.unwrap_err();
        assert!(!part.took_nothing() && part.retryable(), "{part}");
        assert!(part.to_string().contains("raise its `max_bytes`"), "{part}");
        assert_eq!(ids(&bus).await, ["small"]);
        bus.close().await;
    });
}

/// How long a server is not there.
const AWAY: Duration = Duration::from_millis(400);

/// Several publishers, retrying as callers do, while servers are killed: `kill` kills one and starts it again.
async fn publish_through_kills(urls: Vec<String>, rounds: usize, mut kill: impl AsyncFnMut(usize)) {
    const PUBLISHERS: usize = 6;
    let kind = Options { patience: Duration::from_millis(300), ..options(urls) };
    let bus = open(&kind).await;
    bus.provision(&spec()).await.unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    let mut publishers = JoinSet::new();
    for publisher in 0..PUBLISHERS {
        let (bus, stop) = (Arc::clone(&bus), stop.clone());
        publishers.spawn(async move {
            let mut accepted: BTreeMap<u64, String> = BTreeMap::new();
            let mut batches = (1..=40).cycle();
            let mut count = 0;
            while !stop.is_cancelled() {
                let size = batches.next().unwrap();
                let batch: Vec<Message> = (count..count + size)
                    .map(|n| message(&format!("{publisher}-{n:08}"), &format!("{publisher}-{}", n % 3)))
                    .collect();
                count += size;
                let published = loop {
                    match bus.publish(STREAM, 0, batch.clone()).await {
                        Ok(published) => break published,
                        Err(error) => assert!(error.retryable(), "{error:?}"),
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                };
                for (published, message) in published.into_iter().zip(batch) {
                    accepted.insert(published.sequence, message.id);
                }
            }
            accepted
        });
    }
    for round in 0..rounds {
        let before = bus.bounds(STREAM, 0).await.map_or(0, |bounds| bounds.last);
        until(async || bus.bounds(STREAM, 0).await.is_ok_and(|bounds| bounds.last > before + 500)).await;
        kill(round).await;
    }
    stop.cancel();
    let mut accepted = BTreeMap::new();
    for of_one in publishers.join_all().await {
        accepted.extend(of_one);
    }
    let stored = ids(&bus).await;
    let expected: Vec<String> = accepted.into_values().collect();
    assert_eq!(stored.iter().collect::<BTreeSet<_>>().len(), stored.len(), "stored twice");
    assert_eq!(stored, expected, "lost, or elsewhere than was said");
    let mut last: BTreeMap<(&str, u32), &str> = BTreeMap::new();
    for id in &stored {
        let (publisher, number) = id.split_once('-').unwrap();
        let key = (publisher, number.parse::<u32>().unwrap() % 3);
        assert!(last.insert(key, number).is_none_or(|before| before < number), "{id} came too late");
    }
    bus.close().await;
}

/// Kills it, and starts it again after a while.
async fn kill(server: &mut Server) {
    server.kill().await.unwrap();
    tokio::time::sleep(AWAY).await;
    server.restart().await.unwrap();
}

#[test]
fn a_server_that_is_killed_loses_and_doubles_nothing() {
    run(async {
        let mut server = Server::start(Setup::default()).await.unwrap();
        publish_through_kills(vec![server.url()], 3, async |_| kill(&mut server).await).await;
    });
}

#[test]
fn three_servers_killed_in_turn_lose_and_double_nothing() {
    run(async {
        let mut cluster = Cluster::of(&Setup::relaxed(), 3).await.unwrap();
        let urls = cluster.urls();
        publish_through_kills(urls, 3, async |round| kill(cluster.node(round % 3).unwrap()).await).await;
    });
}
