//! Reads over questions and answers, beside the same reads without.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use async_trait::async_trait;
use bus::{MemoryRequests, Requests};
use bytes::Bytes;
use inbox::{Answers, Error, Reads, Remote};
use parking_lot::Mutex;
use proptest::prelude::*;
use relations::Range;

use super::{
    placed::{PATIENCE, Process},
    *,
};

fn answering(process: &Process, requests: &MemoryRequests) -> (Answers, Remote) {
    let requests: Arc<dyn Requests> = Arc::new(requests.clone());
    let remote = Remote::new(Arc::clone(&requests), process.map.clone());
    (inbox::answer(process.inbox.clone(), requests), remote)
}

/// What somebody heard, to be compared.
fn told<T: PartialEq + std::fmt::Debug>(answer: inbox::Result<T>) -> Result<T, String> {
    answer.map_err(|error| format!("{error:?}"))
}

type Life = (Vec<(u64, u64)>, Vec<(u64, u64)>, Vec<(u64, Option<u64>, usize)>);

async fn play((follows, posts, reads): Life, owners: Vec<u32>) {
    let range = |(place, shard): (u64, &u32)| Range { first_user: UserId(place * 10), shard: *shard };
    let end = Some(UserId(owners.len() as u64 * 10));
    let map = ShardMap::from_ranges(1, 3, (0..).zip(&owners).map(range).collect(), end).unwrap();
    let bus = Disk::new(map.clone()).bus(100_000).await;
    let process = Process::new(bus.clone(), &map, [0, 1, 2]);
    let (answers, remote) = answering(&process, &MemoryRequests::default());
    for (user, author) in follows {
        let Some(shard) = map.shard_of(UserId(user)) else { continue };
        bus.publish(INBOX, shard, vec![follow(user, author)]).await.unwrap();
    }
    for (author, unique) in posts {
        for shard in 0..3 {
            bus.publish(INBOX, shard, vec![note(author, unique)]).await.unwrap();
        }
    }
    process.inbox.wait_caught_up().await.unwrap();
    let local: &dyn Reads = &process.inbox;
    // The authors' too.
    let authors = (0..4).map(|author| (author, Some(author), 2));
    for (user, from, limit) in reads.into_iter().chain(authors) {
        let (user, after) = (UserId(user), from.map(UserId));
        // Cursors are made by pages.
        let page = process.inbox.feed(user, None, limit);
        let cursor = page.ok().and_then(|page| page.next).filter(|_| from.is_some());
        assert_eq!(told(remote.feed(user, cursor, limit).await), told(local.feed(user, cursor, limit).await));
        assert_eq!(
            told(remote.posts(user, cursor, limit).await),
            told(local.posts(user, cursor, limit).await)
        );
        assert_eq!(
            told(remote.following(user, after, limit).await),
            told(local.following(user, after, limit).await)
        );
        assert_eq!(
            told(remote.followers(user, after, limit).await),
            told(local.followers(user, after, limit).await)
        );
    }
    answers.close().await;
    process.inbox.close().await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn remote_reads_are_what_local_reads_are(
        owners in proptest::collection::vec(0u32..3, 1..6),
        life in (
            // A few authors whom many follow, so that lists and feeds have several pages.
            proptest::collection::vec((0u64..60, 0u64..4), 0..120),
            proptest::collection::vec((0u64..4, 0u64..20), 0..60),
            proptest::collection::vec((0u64..70, proptest::option::of(0u64..60), 1usize..6), 1..30),
        ),
    ) {
        tokio::runtime::Runtime::new().unwrap().block_on(play(life, owners));
    }
}

/// The uniques on a page as it comes over the wire.
fn page(json: &Bytes) -> Vec<u64> {
    let page: serde_json::Value = serde_json::from_slice(json).unwrap();
    let ids = page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap());
    ids.map(|id| id.parse::<PostId>().unwrap().unique).collect()
}

/// The feed of user 1, once somebody answers.
async fn readable(remote: &Remote, limit: usize) -> Bytes {
    let asking = async {
        loop {
            match remote.feed(UserId(1), None, limit).await {
                Ok(json) => return json,
                Err(error) => assert!(error.retryable(), "{error}"),
            }
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn remote_reads_follow_a_shard_that_moves_under_load() {
    const ROUNDS: usize = 10;
    let map = ShardMap::single();
    let bus = Disk::new(map.clone()).bus(100_000).await;
    let requests = MemoryRequests::default();
    let processes = [Process::new(bus.clone(), &map, [0]), Process::new(bus.clone(), &map, [])];
    let _answers = processes.each_ref().map(|process| answering(process, &requests).0);
    let remote = Remote::new(Arc::new(requests.clone()), LiveMap::new(map));
    bus.publish(INBOX, 0, vec![follow(1, 2)]).await.unwrap();
    readable(&remote, 1).await;
    let done = Arc::new(AtomicBool::new(false));
    let reader = tokio::spawn({
        let (remote, done) = (remote.clone(), Arc::clone(&done));
        async move {
            let mut newest = None;
            while !done.load(Relaxed) {
                match remote.feed(UserId(1), None, 50).await {
                    Ok(json) => {
                        let page = page(&json);
                        assert!(page.windows(2).all(|pair| pair[0] == pair[1] + 1), "{page:?}");
                        assert!(page.first().copied() >= newest, "{page:?} after {newest:?} had been seen");
                        newest = page.first().copied();
                    }
                    // A machine that is busy enough takes longer than a read waits.
                    Err(error) => assert!(error.retryable(), "{error}"),
                }
            }
        }
    });
    let mut next = 0;
    for round in 0..ROUNDS {
        let (from, to) = (&processes[round % 2], &processes[(round + 1) % 2]);
        from.turns.take(0);
        to.turns.give(0);
        for _ in 0..10 {
            bus.publish(INBOX, 0, vec![note(2, next)]).await.unwrap();
            next += 1;
        }
        to.serves(0).await;
        readable(&remote, 1).await;
    }
    let serving = &processes[ROUNDS % 2].inbox;
    serving.wait_caught_up().await.unwrap();
    done.store(true, Relaxed);
    reader.await.unwrap();
    let whole = page(&readable(&remote, 200).await);
    assert_eq!(whole, (0..next).rev().collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_read_that_nobody_answers_comes_back_and_may_be_tried_again() {
    let map = ShardMap::single();
    let bus = Disk::new(map.clone()).bus(1000).await;
    let process = Process::new(bus.clone(), &map, []);
    let (answers, remote) = answering(&process, &MemoryRequests::default());
    let refused = remote.feed(UserId(1), None, 9).await.unwrap_err();
    assert!(matches!(refused, Error::NoAnswer { shard: 0 }) && refused.retryable(), "{refused}");
    let refused = Reads::feed(&process.inbox, UserId(1), None, 9).await.unwrap_err();
    assert!(matches!(refused, Error::NotServing { shard: 0, .. }) && refused.retryable(), "{refused}");

    // What is on its way is waited for, here and there.
    let reads = [
        tokio::spawn({
            let remote = remote.clone();
            async move { remote.feed(UserId(1), None, 9).await }
        }),
        tokio::spawn({
            let inbox = process.inbox.clone();
            async move { Reads::feed(&inbox, UserId(1), None, 9).await }
        }),
    ];
    tokio::task::yield_now().await;
    process.turns.give(0);
    for read in reads {
        assert_eq!(page(&read.await.unwrap().unwrap()), [] as [u64; 0]);
    }
    // And no longer than it serves.
    process.turns.take(0);
    process.lets_go(0).await;
    assert!(remote.feed(UserId(1), None, 9).await.is_err());
    process.turns.give(0);
    process.serves(0).await;
    remote.feed(UserId(1), None, 9).await.unwrap();
    answers.close().await;
    assert!(matches!(remote.feed(UserId(1), None, 9).await, Err(Error::NoAnswer { .. })));
}

/// Answers what the test says, and keeps what was asked.
struct Puppet {
    answers: Mutex<Vec<bus::Result<Bytes>>>,
    asked: Mutex<Vec<String>>,
}

#[async_trait]
impl Requests for Puppet {
    async fn ask(&self, subject: &str, _: Bytes, _: Duration) -> bus::Result<Bytes> {
        self.asked.lock().push(subject.to_owned());
        let nobody = || Err(bus::Error::NoAnswer { subject: subject.to_owned() });
        self.answers.lock().pop().unwrap_or_else(nobody)
    }

    async fn answer(&self, _: &str, _: Arc<dyn bus::Answer>) -> bus::Result<bus::Answering> {
        Ok(bus::Answering::new(()))
    }
}

#[tokio::test(start_paused = true)]
async fn what_passes_is_asked_again_and_what_does_not_is_told() {
    let away = || Err(bus::Error::Away { reason: "the network".to_owned() });
    let closed = || Err(bus::Error::Unavailable { reason: "it is closed".to_owned() });
    let said = |bytes: &'static [u8]| Ok(Bytes::from_static(bytes));
    let not_yet = b"\x01\x03{\"error\":\"not-serving\",\"shard\":0,\"phase\":\"opening\"}";
    let stopped = b"\x01\x03{\"error\":\"stopped\",\"shard\":0,\"reason\":\"a fault\"}";
    let ask = async |mut answers: Vec<bus::Result<Bytes>>| {
        answers.reverse();
        let puppet = Arc::new(Puppet { answers: Mutex::new(answers), asked: Mutex::default() });
        let remote = Remote::new(puppet.clone(), LiveMap::new(ShardMap::single()));
        let answer = remote.feed(UserId(1), None, 9).await;
        (answer, std::mem::take(&mut *puppet.asked.lock()).len())
    };
    let (answer, asked) = ask(vec![away(), said(not_yet), said(b"\x01\x01{anything}")]).await;
    assert_eq!((&answer.unwrap()[..], asked), (&b"{anything}"[..], 3), "a page is not looked into");
    let (answer, asked) = ask(vec![said(stopped)]).await;
    assert!(matches!(answer, Err(Error::Stopped { shard: 0, .. })) && asked == 1, "{asked}");
    let (answer, asked) = ask(vec![closed()]).await;
    assert!(matches!(answer, Err(Error::Bus { .. })) && asked == 1, "{asked}");
    for garbage in [&b""[..], b"\x01", b"\x09\x01{}", b"\x01\x02\0\0\0\0\0\0\0\x01", b"\x01\x07"] {
        let (answer, asked) = ask(vec![said(garbage)]).await;
        assert!(matches!(answer, Err(Error::Foreign { .. })) && asked == 1, "{garbage:?}");
    }
    let (answer, asked) = ask(vec![]).await;
    assert!(matches!(answer, Err(Error::NoAnswer { shard: 0 })) && asked > 3, "{asked}");
}
