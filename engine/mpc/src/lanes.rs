//! The lanes there are: one for each partition of each live chain's input.

use std::{collections::BTreeMap, sync::Arc};

use model::Name;
use parking_lot::Mutex;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument as _;

use crate::{
    LaneStatus, Options, Parts, Result,
    changelog::Changelogs,
    lane::{self, LaneGauge, Place},
    table::{Chains, Table},
    workers::Workers,
};

/// Opens and closes lanes so that they fit the table. Owns their tasks.
pub(crate) struct Lanes {
    table: Arc<Table>,
    parts: Parts,
    options: Arc<Options>,
    dead_letters: Name,
    open: Mutex<BTreeMap<(Name, u32), Open>>,
    tasks: TaskTracker,
    workers: Arc<Workers>,
    changelogs: Option<Arc<Changelogs>>,
}

struct Open {
    stream: Name,
    close: CancellationToken,
    gauge: Arc<LaneGauge>,
}

impl Lanes {
    pub(crate) fn new(
        dead_letters: Name,
        table: Arc<Table>,
        parts: Parts,
        options: Arc<Options>,
    ) -> Result<Self> {
        let (tasks, workers) = (TaskTracker::new(), Arc::new(Workers::start(options.workers)?));
        let changelogs = options.changelog.then(|| {
            let (bus, store) = (Arc::clone(&parts.bus), Arc::clone(&parts.store));
            Arc::new(Changelogs::new(bus, store, options.changelog_records_max, options.fault))
        });
        Ok(Self { table, parts, options, dead_letters, open: Mutex::default(), tasks, workers, changelogs })
    }

    /// Opens lanes for what is in `chains` and placed here, closes those for what is not. A closing lane finishes what it has in hand; one
    /// that takes its place waits until the bus gives it the partition.
    pub(crate) fn fit(&self, chains: &Chains) {
        let mut open = self.open.lock();
        open.retain(|(chain, partition), lane| {
            let stays = chains.get(chain).is_some_and(|live| {
                let count = live.streams.partitions(&live.plan.input).unwrap_or_default();
                live.plan.input == lane.stream
                    && *partition < count
                    && self.parts.placement.is_mine(&live.plan.input, *partition, count)
            });
            if !stays {
                lane.close.cancel();
            }
            stays
        });
        for (chain, live) in chains {
            let partitions = live.streams.partitions(&live.plan.input).unwrap_or_default();
            let placement = &self.parts.placement;
            let mine = (0..partitions).filter(|n| placement.is_mine(&live.plan.input, *n, partitions));
            for partition in mine {
                open.entry((chain.clone(), partition))
                    .or_insert_with(|| self.start(chain, &live.plan.input, partition, partitions));
            }
        }
    }

    fn start(&self, chain: &Name, stream: &Name, partition: u32, partitions: u32) -> Open {
        let gauge = Arc::new(LaneGauge::new(chain, partition));
        let close = CancellationToken::new();
        let place = Place {
            chain: chain.clone(),
            stream: stream.clone(),
            partition,
            dead_letters: self.dead_letters.clone(),
            table: Arc::clone(&self.table),
            parts: self.parts.clone(),
            options: Arc::clone(&self.options),
            gauge: Arc::clone(&gauge),
            workers: Arc::clone(&self.workers),
            changelogs: self.changelogs.clone(),
            partitions,
        };
        let span = tracing::info_span!("lane", %chain, partition);
        self.tasks.spawn(lane::supervise(Arc::new(place), close.clone()).instrument(span));
        Open { stream: stream.clone(), close, gauge }
    }

    /// The lanes of `chain`, by partition.
    pub(crate) fn status(&self, chain: &Name) -> Vec<LaneStatus> {
        let open = self.open.lock();
        open.range((chain.clone(), 0)..=(chain.clone(), u32::MAX))
            .map(|(_, lane)| lane.gauge.status())
            .collect()
    }

    /// Closes every lane and waits until each has settled what it had in hand, or given it back.
    pub(crate) async fn close(&self) {
        for lane in std::mem::take(&mut *self.open.lock()).into_values() {
            lane.close.cancel();
        }
        self.tasks.close();
        self.tasks.wait().await;
    }
}
