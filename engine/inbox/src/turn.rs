//! A shard's turn in this process: from opening its store to closing it.

use std::sync::Arc;

use bus::{Bus, Placement};
use parking_lot::Mutex;
use relations::LiveMap;
use store::Store;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use crate::{
    Error, Options, Result, Stores,
    applier::Applier,
    backoff::Backoff,
    home::{Home, Phase},
    shard::{Shard, report},
};

/// What the turns of all shards stand on.
pub(crate) struct Ground {
    pub(crate) options: Options,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) stores: Arc<dyn Stores>,
    pub(crate) placement: Arc<dyn Placement>,
    pub(crate) map: LiveMap,
}

/// One turn.
pub(crate) struct Turn {
    pub(crate) home: Arc<Home>,
    pub(crate) ground: Arc<Ground>,
    /// The turn is over.
    pub(crate) cancel: CancellationToken,
}

impl Turn {
    /// Ends when cancelled, and not before: a shard that cannot go on stays at rest, so that what is wrong can be seen.
    pub(crate) async fn run(self) {
        self.home.enter(Phase::Opening);
        if let Some(shard) = self.open().await {
            shard.run().await;
            // Closing a store may wait for the disk.
            if let Err(error) = spawn_blocking(move || drop(shard)).await {
                tracing::error!(shard = self.home.shard, %error, "closing an inbox shard's store panicked");
            }
        }
        self.home.leave();
    }

    /// The shard over its store; `None` when cancelled.
    async fn open(&self) -> Option<Shard> {
        let mut backoff = Backoff::default();
        loop {
            let error = match self.try_open().await {
                Ok(shard) => return Some(shard),
                Err(error) => error,
            };
            let shard = self.home.shard;
            if !error.retryable() {
                tracing::error!(shard, fault = report(&error), "an inbox shard cannot be opened");
                self.home.stop(error);
                self.cancel.cancelled().await;
                return None;
            }
            let pause = backoff.next();
            tracing::warn!(shard, error = report(&error), ?pause, "an inbox shard's store is not to be had");
            self.home.wait_out(error);
            if !backoff.pause(&self.cancel).await {
                return None;
            }
        }
    }

    async fn try_open(&self) -> Result<Shard> {
        let (ground, shard) = (Arc::clone(&self.ground), self.home.shard);
        let opening = move || -> Result<(Applier, Arc<dyn Store>)> {
            let store = ground.stores.open(shard)?;
            Ok((Applier::open(shard, &ground.map.load(), &ground.options, Arc::clone(&store))?, store))
        };
        let (applier, store) = spawn_blocking(opening)
            .await
            .map_err(|error| Error::Stopped { shard, reason: error.to_string() })??;
        self.home.reached(applier.applied());
        Ok(Shard {
            home: Arc::clone(&self.home),
            bus: Arc::clone(&self.ground.bus),
            placement: Arc::clone(&self.ground.placement),
            map: self.ground.map.clone(),
            applier: Arc::new(Mutex::new(applier)),
            store,
            messages_max: self.ground.options.batch_messages_max.max(1),
            cancel: self.cancel.clone(),
        })
    }
}
