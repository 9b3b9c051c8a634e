//! Servers that leave consumers out of a list, as those of a cluster do while leaders change. Here one server stands for them: a
//! request for a list goes to the test, which puts one together out of what the server truly has.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bus::{Bus, Delivery, StreamSpec};
use fleet::{Connection, JetStream, Keys};
use futures::StreamExt;
use model::{Message, Name};
use parking_lot::Mutex;
use serde_json::{Value, json};
use testkit::{
    nats::{Server, Setup},
    wait,
};
use tokio::task::JoinHandle;

use crate::{
    place::{contend, fetch, forget},
    run,
    subject::options,
};

const STREAM: &str = "letters";
const COUNT: usize = 6;
const PATIENCE: Duration = Duration::from_secs(20);

/// Where requests for lists go, and what does so.
const LISTS: &str = "lists-to-order";
const MAPPED: &str = "mappings { \"$JS.API.CONSUMER.LIST.*\": \"lists-to-order.{{wildcard(1)}}\" }\n";

/// A group that is left out of every list, and how.
#[derive(Clone, Copy)]
enum Left {
    Out(&'static str),
    OutUnsaid(&'static str),
    /// None: what somebody looks through the log with is on a server that is down.
    NoGroup,
}

/// A server whose lists are made here.
struct Lister {
    server: Server,
    left: Arc<Mutex<Option<Left>>>,
    /// How many were made.
    lists: Arc<AtomicUsize>,
    making: JoinHandle<()>,
}

impl Lister {
    async fn start() -> Self {
        let setup = Setup { further: MAPPED.to_owned(), ..Setup::relaxed() };
        let server = Server::start(setup).await.unwrap();
        let client = async_nats::connect(server.url()).await.unwrap();
        let mut asked = client.subscribe(format!("{LISTS}.*")).await.unwrap();
        let left = Arc::<Mutex<Option<Left>>>::default();
        let lists = Arc::<AtomicUsize>::default();
        let (left_out, made) = (Arc::clone(&left), Arc::clone(&lists));
        let making = tokio::spawn(async move {
            while let Some(request) = asked.next().await {
                let stream = request.subject.rsplit_once('.').unwrap().1;
                let left = *left_out.lock();
                let list = list(&client, stream, left).await;
                client.publish(request.reply.unwrap(), list.to_string().into()).await.unwrap();
                made.fetch_add(1, SeqCst);
            }
        });
        Self { server, left, lists, making }
    }

    async fn bus(&self) -> (JetStream, Keys) {
        let connection = Connection::open(options(vec![self.server.url()])).await.unwrap();
        let bus = JetStream::open(&connection).await.unwrap();
        bus.provision(&StreamSpec::new(Name::new(STREAM).unwrap(), 1).retaining(1)).await.unwrap();
        let messages = (0..COUNT).map(|n| Message { id: n.to_string(), ..Message::default() });
        bus.publish(STREAM, 0, messages.collect()).await.unwrap();
        (bus, Keys::open(&connection, "leases").await.unwrap())
    }

    /// From now on lists are as the server's own, but for what is left out.
    fn leave(&self, left: Option<Left>) {
        *self.left.lock() = left;
    }

    /// Waits until so many lists were asked for, from now on.
    async fn makes(&self, count: usize) {
        let before = self.lists.load(SeqCst);
        let enough = async || (self.lists.load(SeqCst) >= before + count).then_some(());
        wait::until("readers ask for lists", PATIENCE, enough).await.unwrap();
    }
}

async fn is_tidied(bus: &JetStream) {
    let gone = async || (bus.bounds(STREAM, 0).await.unwrap().first == COUNT as u64).then_some(());
    wait::until("what is settled goes", PATIENCE, gone).await.unwrap();
}

impl Drop for Lister {
    fn drop(&mut self) {
        self.making.abort();
    }
}

async fn list(client: &async_nats::Client, stream: &str, left: Option<Left>) -> Value {
    let ask = async |what: &str| {
        let answer = client.request(format!("$JS.API.{what}"), "{}".into()).await.unwrap();
        serde_json::from_slice::<Value>(&answer.payload).unwrap()
    };
    let names = ask(&format!("CONSUMER.NAMES.{stream}")).await;
    let names = names["consumers"].as_array().cloned().unwrap_or_default();
    let (mut consumers, mut missing, mut total) = (Vec::new(), Vec::new(), 0);
    for name in &names {
        let info = ask(&format!("CONSUMER.INFO.{stream}.{}", name.as_str().unwrap())).await;
        let group = &info["config"]["metadata"]["catena-group"];
        match left {
            Some(Left::Out(left)) if group == left => missing.push(name),
            Some(Left::OutUnsaid(left)) if group == left => continue,
            _ => consumers.push(info),
        }
        total += 1;
    }
    let look = json!("a0Look1Through2The3Log");
    if let Some(Left::NoGroup) = left {
        missing.push(&look);
        total += 1;
    }
    json!({ "total": total, "offset": 0, "limit": 256, "consumers": consumers, "missing": missing })
}

fn sequences(deliveries: &[Delivery]) -> Vec<u64> {
    deliveries.iter().map(|delivery| delivery.stored.sequence).collect()
}

#[test]
fn what_a_group_that_is_left_out_has_still_to_read_is_kept() {
    run(async {
        let lister = Lister::start().await;
        let (bus, _) = lister.bus().await;
        drop(contend(&bus, STREAM, "slow").await);
        let mut fast = contend(&bus, STREAM, "fast").await;
        lister.leave(Some(Left::Out("slow")));
        let read = fetch(&mut *fast, COUNT, PATIENCE).await;
        read.into_iter().for_each(|delivery| delivery.settle.ack());
        let refused = bus.subscribe(STREAM, 0, "slow", 100).await.err().unwrap();
        assert!(refused.retryable(), "{refused:?}");
        let told = refused.to_string();
        assert!(told.contains("cannot say where all groups of `") && told.contains("slow-1"), "{told}");
        lister.makes(3).await;
        lister.leave(None);
        let mut slow = contend(&bus, STREAM, "slow").await;
        let read = fetch(&mut *slow, COUNT, PATIENCE).await;
        assert_eq!(sequences(&read), [1, 2, 3, 4, 5, 6]);
        drop((read, slow, fast));
        bus.close().await;
    });
}

#[test]
fn a_consumer_that_is_no_groups_may_be_missing() {
    run(async {
        let lister = Lister::start().await;
        let (bus, _) = lister.bus().await;
        lister.leave(Some(Left::NoGroup));
        let mut reads = bus.subscribe(STREAM, 0, "group", 100).await.unwrap();
        let read = fetch(&mut *reads, COUNT, PATIENCE).await;
        read.into_iter().for_each(|delivery| delivery.settle.ack());
        is_tidied(&bus).await;
        drop(reads);
        bus.forget(STREAM, "group").await.unwrap();
        bus.close().await;
    });
}

#[test]
fn what_may_go_goes_however_long_nobody_could_say_so() {
    run(async {
        let lister = Lister::start().await;
        let (bus, _) = lister.bus().await;
        let mut reads = contend(&bus, STREAM, "group").await;
        lister.leave(Some(Left::Out("group")));
        let read = fetch(&mut *reads, COUNT, PATIENCE).await;
        read.into_iter().for_each(|delivery| delivery.settle.ack());
        // More than follow one another soon.
        lister.makes(5).await;
        assert_eq!(bus.bounds(STREAM, 0).await.unwrap().first, 1);
        lister.leave(None);
        is_tidied(&bus).await;
        drop(reads);
        bus.close().await;
    });
}

/// Two of the messages are settled by a group that no list names any more. What is read when it is back.
async fn forgotten_and_found_again(lister: &Lister, bus: &JetStream) -> Vec<u64> {
    let mut reads = contend(bus, STREAM, "group").await;
    let mut read = fetch(&mut *reads, COUNT, PATIENCE).await;
    assert_eq!(read.len(), COUNT);
    read.drain(..2).for_each(|delivery| delivery.settle.ack());
    drop((read, reads));
    lister.leave(Some(Left::OutUnsaid("group")));
    let mut reads = match bus.subscribe(STREAM, 0, "group", 100).await {
        Ok(reads) => reads,
        Err(refused) => {
            assert!(refused.retryable() && refused.to_string().contains("there already"), "{refused:?}");
            lister.leave(None);
            contend(bus, STREAM, "group").await
        }
    };
    let read = fetch(&mut *reads, COUNT - 2, PATIENCE).await;
    sequences(&read)
}

#[test]
fn a_group_that_no_list_shows_goes_on_where_it_stands() {
    run(async {
        let lister = Lister::start().await;
        let (bus, _) = lister.bus().await;
        assert_eq!(forgotten_and_found_again(&lister, &bus).await, [3, 4, 5, 6]);
        bus.close().await;
    });
}

/// As after a holder that died: who does not know of it cannot make it so.
#[test]
fn so_does_one_whose_consumer_began_in_the_middle() {
    run(async {
        let lister = Lister::start().await;
        let (bus, leases) = lister.bus().await;
        drop(contend(&bus, STREAM, "group").await);
        forget(&leases, &format!("{STREAM}.0.group")).await;
        assert_eq!(forgotten_and_found_again(&lister, &bus).await, [3, 4, 5, 6]);
        bus.close().await;
    });
}
