//! Turns that a test deals out.

use std::collections::BTreeSet;

use bus::Placement;
use inbox::Position;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::*;

/// Whose turn it is, as the test says.
pub(crate) struct Script {
    mine: Mutex<BTreeSet<u32>>,
    declined: watch::Sender<BTreeSet<u32>>,
    changes: watch::Sender<u64>,
}

impl Script {
    pub(crate) fn new(mine: impl IntoIterator<Item = u32>) -> Arc<Self> {
        let mine = Mutex::new(mine.into_iter().collect());
        Arc::new(Self { mine, declined: watch::Sender::default(), changes: watch::Sender::new(0) })
    }

    pub(crate) fn give(&self, shard: u32) {
        self.mine.lock().insert(shard);
        self.changes.send_modify(|changes| *changes += 1);
    }

    pub(crate) fn take(&self, shard: u32) {
        self.mine.lock().remove(&shard);
        self.changes.send_modify(|changes| *changes += 1);
    }
}

impl Placement for Script {
    fn is_mine(&self, stream: &str, partition: u32, _: u32) -> bool {
        stream == INBOX && self.mine.lock().contains(&partition)
    }

    fn decline(&self, _: &str, shard: u32) {
        self.declined.send_modify(|declined| {
            declined.insert(shard);
        });
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

/// A process of a fleet, as far as inboxes go: stores of its own over the bus of all.
pub(crate) struct Process {
    pub(crate) inbox: Inbox,
    pub(crate) turns: Arc<Script>,
    pub(crate) map: LiveMap,
}

impl Process {
    pub(crate) fn new(bus: Arc<dyn Bus>, map: &ShardMap, mine: impl IntoIterator<Item = u32>) -> Self {
        Self::over(bus, &Disk::new(map.clone()), mine)
    }

    pub(crate) fn over(bus: Arc<dyn Bus>, disk: &Disk, mine: impl IntoIterator<Item = u32>) -> Self {
        let (turns, map) = (Script::new(mine), LiveMap::new(disk.map.clone()));
        let inbox = Inbox::open(SMALL, bus, Arc::new(disk.stores()), map.clone(), turns.clone());
        Self { inbox, turns, map }
    }

    /// Waits until the shard can be read here.
    pub(crate) async fn serves(&self, shard: u32) {
        let served = tokio::time::timeout(PATIENCE, self.inbox.wait_applied(shard, 0)).await;
        served.unwrap_or_else(|_| panic!("shard {shard} never came to serve")).unwrap();
    }

    /// The shard's position, once it is as expected.
    pub(crate) async fn position_when(
        &self,
        shard: u32,
        is: impl Fn(Option<&Position>) -> bool,
    ) -> Option<Position> {
        let mut phases = self.inbox.phases();
        loop {
            let position = self.inbox.positions().await.unwrap().into_iter().find(|at| at.shard == shard);
            if is(position.as_ref()) {
                return position;
            }
            phases.changed().await.unwrap();
        }
    }

    /// Waits until it says that it cannot have the shard.
    pub(crate) async fn declines(&self, shard: u32) {
        let mut declined = self.turns.declined.subscribe();
        let said = tokio::time::timeout(PATIENCE, declined.wait_for(|declined| declined.contains(&shard)));
        drop(said.await.unwrap_or_else(|_| panic!("shard {shard} was never declined")).unwrap());
    }

    /// Waits until the shard is here no more.
    pub(crate) async fn lets_go(&self, shard: u32) {
        let gone = self.position_when(shard, |position| position.is_none());
        let gone = tokio::time::timeout(PATIENCE, gone).await;
        gone.unwrap_or_else(|_| panic!("shard {shard} was never let go of"));
    }
}

/// So long that only what hangs takes longer.
pub(crate) const PATIENCE: std::time::Duration = std::time::Duration::from_secs(120);
