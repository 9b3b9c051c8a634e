use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::sleep_until;

use super::{Shared, group::Group, partition::Partition, position::Due};
use crate::{Delivery, Error, Result, Subscription};

/// A group's hold on a partition.
pub(super) struct Reader {
    shared: Arc<Shared>,
    partition: Arc<Partition>,
    group: Arc<Group>,
    credits: usize,
}

impl Reader {
    pub(super) fn new(
        shared: &Arc<Shared>,
        partition: Arc<Partition>,
        group: &str,
        credits: usize,
    ) -> Result<Self> {
        let state = partition.group(group)?;
        if !state.claim() {
            return Err(Error::Busy {
                stream: partition.spec.read().name.to_string(),
                partition: partition.place.partition,
                group: group.to_owned(),
            });
        }
        Ok(Self { shared: Arc::clone(shared), partition, group: state, credits: credits.max(1) })
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.group.release();
    }
}

#[async_trait]
impl Subscription for Reader {
    async fn fetch(&mut self, max: usize) -> Result<Vec<Delivery>> {
        // A consumer that keeps up never waits below; let others have their turn.
        tokio::task::consume_budget().await;
        loop {
            self.shared.queue.check_open()?;
            match self.group.due(self.partition.bounds(), max.max(1), self.credits) {
                Due::Now(wanted) => {
                    // Nothing is marked as delivered before it is at hand, so that a dropped future
                    // costs nobody an attempt.
                    let messages = self.shared.load(&self.partition, wanted).await?;
                    let deliveries = self.group.deliver(messages);
                    if !deliveries.is_empty() {
                        return Ok(deliveries);
                    }
                }
                Due::At(due) => tokio::select! {
                    () = self.group.woken.notified() => {}
                    () = sleep_until(due) => {}
                },
                Due::Unknown => self.group.woken.notified().await,
            }
        }
    }

    async fn lag(&self) -> Result<u64> {
        self.shared.queue.check_open()?;
        Ok(self.group.unsettled(self.partition.bounds()))
    }
}
