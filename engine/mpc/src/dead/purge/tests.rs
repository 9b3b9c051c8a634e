use std::{collections::BTreeMap, sync::Arc};

use bus::{Bus, Embedded, StreamSpec};
use model::{Message, Name};
use proptest::prelude::*;
use store::Memory;

use super::*;
use crate::{DeadLetter, dead::Problem};

/// What outlives a restart.
struct Disk {
    bus: Arc<Memory>,
    store: Arc<Memory>,
}

impl Disk {
    fn new() -> Self {
        Self { bus: Arc::new(Memory::new(bus::TABLES)), store: Arc::new(Memory::new(crate::TABLES)) }
    }

    async fn open(&self) -> DeadLetters {
        let bus = Embedded::open(Arc::clone(&self.bus) as _, bus::Options::default()).unwrap();
        bus.provision(&StreamSpec::new(Name::new("posts").unwrap(), 1)).await.unwrap();
        DeadLetters::open(Arc::new(bus), Arc::clone(&self.store) as _).await.unwrap()
    }
}

/// Adds `count` letters, whose messages are all the same.
async fn add(letters: &DeadLetters, count: usize) {
    let letter = DeadLetter {
        original: (&Message { id: "m".into(), ..Message::default() }).into(),
        stream: Name::new("posts").unwrap(),
        partition: 0,
        sequence: 7,
        accepted_at_ms: 1,
        chain: Name::new("feed").unwrap(),
        step: None,
        path: Vec::new(),
        generation: 1,
        bundle: None,
        attempts: 1,
        error: Problem::default(),
        at_ms: 2,
    };
    let batch = (0..count).map(|_| letter.to_message(String::new()).unwrap()).collect();
    letters.bus.publish(DEAD_LETTERS, PARTITION, batch).await.unwrap();
}

/// The numbers there are, and whether each was replayed.
async fn numbers(letters: &DeadLetters) -> Vec<(u64, bool)> {
    let listed = letters.list(1, 1_000).await.unwrap();
    assert_eq!(letters.count().await.unwrap(), listed.len() as u64);
    listed.iter().map(|listed| (listed.number, listed.replayed.is_some())).collect()
}

async fn first(letters: &DeadLetters) -> u64 {
    letters.bus.bounds(DEAD_LETTERS, PARTITION).await.unwrap().first
}

#[tokio::test]
async fn what_is_purged_is_hidden_at_once_and_frees_its_room_once_nothing_is_before_it() {
    let disk = Disk::new();
    let letters = disk.open().await;
    add(&letters, 5).await;
    letters.replay(3).await.unwrap();
    let purged = letters.purge(Purge::Numbers(vec![2, 3, 3, 77])).await.unwrap();
    assert_eq!(purged, Purged { letters: 2, unreplayed: 1 });
    assert_eq!(letters.purge(Purge::Numbers(vec![2, 3])).await.unwrap(), Purged::default());
    for gone in [2, 77] {
        assert!(
            matches!(letters.show(gone).await, Err(crate::Error::NoDeadLetter { number }) if number == gone)
        );
        assert!(letters.replay(gone).await.is_err());
    }
    assert_eq!(
        (numbers(&letters).await, first(&letters).await),
        (vec![(1, false), (4, false), (5, false)], 1)
    );
    letters.purge(Purge::Numbers(vec![1])).await.unwrap();
    assert_eq!(first(&letters).await, 4);
    assert_eq!(letters.purge(Purge::UpTo(99)).await.unwrap(), Purged { letters: 2, unreplayed: 2 });
    assert_eq!(
        (numbers(&letters).await, first(&letters).await),
        (vec![], 5),
        "the bus keeps its newest message"
    );
    add(&letters, 1).await;
    assert_eq!(numbers(&letters).await, [(6, false)]);
}

#[tokio::test]
async fn only_letters_past_the_bound_go_and_those_never_replayed_are_counted() {
    let letters = Disk::new().open().await;
    add(&letters, 10).await;
    letters.replay(1).await.unwrap();
    letters.purge(Purge::Numbers(vec![2])).await.unwrap();
    assert_eq!(letters.bound(10).await.unwrap(), Purged::default());
    assert_eq!(letters.bound(6).await.unwrap(), Purged { letters: 3, unreplayed: 2 });
    assert_eq!(letters.bound(6).await.unwrap(), Purged::default());
    assert_eq!((numbers(&letters).await.len(), first(&letters).await), (6, 5));
}

#[tokio::test]
async fn marks_of_another_stream_are_not_believed() {
    let mut disk = Disk::new();
    let letters = disk.open().await;
    add(&letters, 9).await;
    letters.replay(9).await.unwrap();
    letters.purge(Purge::UpTo(4)).await.unwrap();
    drop(letters);
    disk.bus = Arc::new(Memory::new(bus::TABLES));
    let letters = disk.open().await;
    add(&letters, 2).await;
    assert_eq!(numbers(&letters).await, [(1, false), (2, false)]);
}

#[derive(Clone, Debug)]
enum Act {
    Add(usize),
    Replay(u64),
    Numbers(Vec<u64>),
    UpTo(u64),
    Reopen,
}

fn act() -> impl Strategy<Value = Act> {
    let number = || 0..30_u64;
    prop_oneof![
        3 => (1..5_usize).prop_map(Act::Add),
        3 => number().prop_map(Act::Replay),
        3 => prop::collection::vec(number(), 1..4).prop_map(Act::Numbers),
        1 => number().prop_map(Act::UpTo),
        1 => Just(Act::Reopen),
    ]
}

/// Walks through the letters and a plain map, of number to whether it was replayed, side by side.
async fn walk(acts: Vec<Act>) {
    let disk = Disk::new();
    let mut letters = disk.open().await;
    let (mut model, mut last) = (BTreeMap::new(), 0);
    for act in acts {
        match act {
            Act::Add(count) => {
                add(&letters, count).await;
                model.extend((last + 1..=last + count as u64).map(|number| (number, false)));
                last += count as u64;
            }
            Act::Replay(number) => match (letters.replay(number).await, model.get_mut(&number)) {
                (Ok(replay), Some(replayed)) => {
                    assert_eq!(replay.already, std::mem::replace(replayed, true));
                }
                (answer, known) => assert!(answer.is_err() && known.is_none(), "{answer:?}"),
            },
            Act::Numbers(numbers) => {
                let purged = letters.purge(Purge::Numbers(numbers.clone())).await.unwrap();
                let before = model.len();
                model.retain(|number, _| !numbers.contains(number));
                assert_eq!(purged.letters, (before - model.len()) as u64);
            }
            Act::UpTo(to) => {
                let kept = model.split_off(&(to + 1));
                let unreplayed = model.values().filter(|replayed| !**replayed).count() as u64;
                let expected = Purged { letters: model.len() as u64, unreplayed };
                assert_eq!(letters.purge(Purge::UpTo(to)).await.unwrap(), expected);
                model = kept;
            }
            Act::Reopen => {
                drop(letters);
                letters = disk.open().await;
            }
        }
        assert!(numbers(&letters).await.into_iter().eq(model.clone()));
        // Nothing is kept before the oldest letter, but for the newest message until another comes.
        letters.purge(Purge::UpTo(0)).await.unwrap();
        let oldest = model.keys().next().copied().unwrap_or(last + 1);
        assert_eq!(first(&letters).await, oldest.min(last).max(1));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn letters_agree_with_a_map(acts in prop::collection::vec(act(), 1..30)) {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(walk(acts));
    }
}
