use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::{STREAM, Subject, attempts, fetch, message, opened, spec};
use crate::{Bus, Delivery, Published, Subscription};

/// Partitions a walk goes through.
pub const PARTITIONS: usize = 2;

const CREDITS: usize = 4;

/// How a step settles a delivery.
#[derive(Clone, Copy, Debug)]
pub enum How {
    /// Acked.
    Ack,
    /// To be retried at once.
    Retry,
    /// Not settled at all.
    Drop,
}

/// One step of a random walk; partitions below [`PARTITIONS`].
#[derive(Clone, Debug)]
pub enum Step {
    /// Publishes messages with these ids.
    Publish(usize, Vec<u8>),
    /// Fetches everything that can be delivered.
    Fetch(usize),
    /// Settles one of the deliveries held, if there is one.
    Settle(usize, usize, How),
    /// Drops the subscription and what it holds, and subscribes again.
    Resubscribe(usize),
    /// Closes and opens the bus.
    Reopen,
}

/// What a partition and its only group should look like.
#[derive(Default)]
struct Model {
    log: Vec<u8>,
    first: BTreeMap<u8, u64>,
    next: usize,
    /// Attempt of each unsettled delivery, and whether it is held.
    pending: BTreeMap<u64, (u32, bool)>,
    acked: BTreeSet<u64>,
}

impl Model {
    fn publish(&mut self, id: u8) -> Published {
        if let Some(sequence) = self.first.get(&id) {
            return Published { sequence: *sequence, duplicate: true };
        }
        self.log.push(id);
        let sequence = self.log.len() as u64;
        self.first.insert(id, sequence);
        Published { sequence, duplicate: false }
    }

    fn deliver(&mut self) -> Vec<(u64, u32)> {
        let waiting = self.pending.iter_mut().filter(|(_, (_, held))| !held);
        let mut delivered: Vec<(u64, u32)> = waiting
            .map(|(sequence, (attempt, held))| {
                (*attempt, *held) = (*attempt + 1, true);
                (*sequence, *attempt)
            })
            .collect();
        while self.pending.len() < CREDITS && self.next < self.log.len() {
            self.next += 1;
            self.pending.insert(self.next as u64, (1, true));
            delivered.push((self.next as u64, 1));
        }
        delivered
    }

    fn settle(&mut self, sequence: u64, how: How) {
        match how {
            How::Ack => {
                self.pending.remove(&sequence);
                self.acked.insert(sequence);
            }
            How::Retry | How::Drop => self.pending.get_mut(&sequence).unwrap().1 = false,
        }
    }

    fn give_back_all(&mut self) {
        self.pending.values_mut().for_each(|(_, held)| *held = false);
    }
}

/// Walks `steps` through the bus and a plain model side by side.
pub async fn agrees_with_model(subject: &dyn Subject, steps: &[Step]) {
    let mut bus = opened(subject, &spec(PARTITIONS as u32)).await;
    let mut models: [Model; PARTITIONS] = Default::default();
    let mut held: [Vec<Delivery>; PARTITIONS] = Default::default();
    let mut readers = subscribe(&bus).await;
    for step in steps {
        match step {
            Step::Publish(at, ids) => {
                let batch = ids.iter().map(|id| message(&id.to_string())).collect();
                let expected: Vec<_> = ids.iter().map(|id| models[*at].publish(*id)).collect();
                assert_eq!(bus.publish(STREAM, *at as u32, batch).await.unwrap(), expected);
            }
            Step::Fetch(at) => {
                let mut expected = models[*at].deliver();
                expected.sort_unstable();
                let fetched = fetch(&mut *readers[*at], expected.len()).await;
                assert_eq!(attempts(&fetched), expected);
                let log = &models[*at].log;
                let id = |sequence: u64| log[sequence as usize - 1].to_string();
                assert!(fetched.iter().all(|d| d.stored.message == message(&id(d.stored.sequence))));
                held[*at].extend(fetched);
            }
            Step::Settle(at, index, how) => {
                if held[*at].is_empty() {
                    continue;
                }
                let index = index % held[*at].len();
                let delivery = held[*at].swap_remove(index);
                models[*at].settle(delivery.stored.sequence, *how);
                match how {
                    How::Ack => delivery.settle.ack(),
                    How::Retry => delivery.settle.retry(Duration::ZERO),
                    How::Drop => drop(delivery),
                }
            }
            Step::Resubscribe(at) => {
                models[*at].give_back_all();
                // An empty one takes its place, so that the old one is gone before the new one comes.
                let other = format!("other-{at}");
                readers[*at] = bus.subscribe(STREAM, *at as u32, &other, 1).await.unwrap();
                held[*at].clear();
                readers[*at] = bus.subscribe(STREAM, *at as u32, "group", CREDITS).await.unwrap();
            }
            Step::Reopen => {
                models.iter_mut().for_each(Model::give_back_all);
                subject.close(bus).await;
                held.iter_mut().for_each(Vec::clear);
                drop(readers);
                bus = subject.open().await;
                readers = subscribe(&bus).await;
            }
        }
        for (model, reader) in models.iter().zip(&readers) {
            let unsettled = (model.log.len() - model.acked.len()) as u64;
            assert_eq!(reader.lag().await.unwrap(), unsettled);
        }
    }
    drop((held, readers));
    subject.close(bus).await;
}

async fn subscribe(bus: &Arc<dyn Bus>) -> Vec<Box<dyn Subscription>> {
    let mut readers = Vec::new();
    for partition in 0..PARTITIONS {
        readers.push(bus.subscribe(STREAM, partition as u32, "group", CREDITS).await.unwrap());
    }
    readers
}
