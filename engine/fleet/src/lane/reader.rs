use std::sync::Arc;

use async_trait::async_trait;
use bus::{Delivery, Settle, Settlement, Settler, Subscription};
use tokio_util::sync::DropGuard;

use super::Lane;
use crate::{Result, stream::Partition};

/// What a subscriber holds. Dropping it gives the place back.
pub(crate) struct Reader {
    lane: Arc<Lane>,
    _stop: DropGuard,
    /// Runs when the reader is dropped, before it is stopped.
    ending: Box<dyn Fn() + Send + Sync>,
}

impl Reader {
    pub(crate) fn new(lane: Arc<Lane>, stop: DropGuard, ending: Box<dyn Fn() + Send + Sync>) -> Self {
        Self { lane, _stop: stop, ending }
    }

    fn partition(&self) -> &Partition {
        &self.lane.partition
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        (self.ending)();
    }
}

#[async_trait]
impl Subscription for Reader {
    async fn fetch(&mut self, max: usize) -> Result<Vec<Delivery>> {
        // A consumer that keeps up never waits below; let others have their turn.
        tokio::task::consume_budget().await;
        loop {
            // Taken and made into deliveries without waiting in between: a dropped future has taken nothing.
            // Once it is over, this process may take the place anew.
            let taken = self.lane.take(max.max(1)).inspect_err(|_| (self.ending)())?;
            if !taken.is_empty() {
                let deliveries = taken.into_iter().map(|(stored, attempt)| {
                    let held = Held { lane: Arc::clone(&self.lane), sequence: stored.sequence, attempt };
                    Delivery { stored, attempt, settle: Settle::new(Box::new(held)) }
                });
                return Ok(deliveries.collect());
            }
            let until = self.lane.state.lock().until;
            tokio::select! {
                () = self.lane.arrived.notified() => {}
                // Renewed meanwhile, or lost.
                () = tokio::time::sleep_until(until) => {}
            }
        }
    }

    async fn lag(&self) -> Result<u64> {
        self.lane.lag(self.partition().last())?;
        let last = self.partition().fresh(&self.lane.connection).await?;
        self.lane.lag(last)
    }
}

/// One delivery that is out.
struct Held {
    lane: Arc<Lane>,
    sequence: u64,
    attempt: u32,
}

impl Settler for Held {
    fn settle(self: Box<Self>, settlement: Settlement) {
        self.lane.settle(self.sequence, self.attempt, settlement);
    }
}
