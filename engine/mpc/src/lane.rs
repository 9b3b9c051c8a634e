//! A lane: one chain, one partition of its input, one batch at a time, in order.
//!
//! Batches run on blocking threads. While one settles the next one runs already: it sees the writes of the one before
//! ([`overlay`]), and settles after it. Nothing a batch makes leaves the lane before its turn to settle, so a lane that
//! fails simply forgets what it holds and begins again from what is committed.

mod failure;
mod gauge;
mod keys;
mod leave;
mod lot;
mod outputs;
mod overlay;
mod pace;
mod runner;
mod seen;
mod settle;
mod trail;
mod wave;
mod work;

use std::{convert::Infallible, future::pending, sync::Arc, time::Duration};

use bus::{Bounds, Bus, Delivery, Subscription};
use model::{Name, Sequences};
use tokio::{
    task::{JoinError, JoinSet},
    time::{Instant, MissedTickBehavior, interval, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{
    Error, Options, Parts, Result,
    changelog::{Changelog, Changelogs},
    generation::Live,
    metric,
    table::Table,
    workers::Workers,
};
use overlay::Overlay;
use pace::Pace;
use runner::{Ran, Runner, Stop};
use settle::Settler;
use trail::Trail;

pub(crate) use failure::sentence;
pub(crate) use gauge::LaneGauge;
pub(crate) use keys::partition as partition_prefix;
pub(crate) use leave::{Forgot, forget, known, reads};

/// How often a lane looks how much is left to do.
const LAG_EVERY: Duration = Duration::from_secs(1);
/// How often, and how far apart, a stream is looked at again that ends before what is known of it.
const LOOKS: u32 = 8;
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What a lane stands on.
pub(crate) struct Place {
    pub(crate) chain: Name,
    /// The stream it reads.
    pub(crate) stream: Name,
    pub(crate) partition: u32,
    pub(crate) dead_letters: Name,
    pub(crate) table: Arc<Table>,
    pub(crate) parts: Parts,
    pub(crate) options: Arc<Options>,
    pub(crate) gauge: Arc<LaneGauge>,
    pub(crate) workers: Arc<Workers>,
    /// Where the partition's state is kept beside the own store, if anywhere, and how many partitions the stream has.
    pub(crate) changelogs: Option<Arc<Changelogs>>,
    pub(crate) partitions: u32,
}

impl Place {
    /// The plan that messages of this place begin under; none where the chain is gone, or reads another stream now.
    fn live(&self) -> Option<Arc<Live>> {
        self.table.live(&self.chain).filter(|live| live.plan.input == self.stream)
    }
}

/// Why a lane came to rest.
enum Exit {
    /// It was asked to, or the chain is gone.
    Closed,
    /// A message must not be passed by. Goes on when another generation is live.
    Halted { generation: u64 },
}

/// Runs the lane until `close`; starts it again when it fails, and after a halt when the chain changes.
pub(crate) async fn supervise(place: Arc<Place>, close: CancellationToken) {
    keep_running(&place, &close).await;
    leave::leave(&place).await;
}

async fn keep_running(place: &Arc<Place>, close: &CancellationToken) {
    let mut failures = 0;
    // A lane in the place of another one waits for that to close. Past what this may take, somebody else is there.
    let opened = Instant::now();
    loop {
        let began = Instant::now();
        match Lane::run(place, close).await {
            Ok(Exit::Closed) => return,
            Ok(Exit::Halted { generation }) => {
                tokio::select! {
                    () = close.cancelled() => return,
                    () = another_generation(place, generation) => {}
                }
            }
            // Nothing failed: closing took too long for what was in hand.
            Err(Error::GivenUp) => return,
            Err(error) if close.is_cancelled() => {
                let (chain, partition, why) = (&place.chain, place.partition, sentence(&error));
                if is_elsewhere(&error) {
                    tracing::info!(%chain, partition, why, "the lane closed and leaves what it had in hand to the next one");
                } else {
                    tracing::warn!(%chain, partition, error = why, "the lane failed while it closed: what it had in hand comes again");
                }
                return;
            }
            Err(Error::Bus(bus::Error::Busy { .. }))
                if opened.elapsed() < place.options.drain_max + place.options.restart.max =>
            {
                tracing::debug!(chain = %place.chain, partition = place.partition, "the lane before still finishes");
                tokio::select! {
                    () = close.cancelled() => return,
                    () = sleep(place.options.restart.first) => {}
                }
            }
            Err(error) => {
                let restart = place.options.restart;
                // A lane that ran for a while has recovered in between.
                failures = if began.elapsed() > restart.max { 1 } else { failures + 1 };
                let why = sentence(&error);
                let (chain, partition) = (&place.chain, place.partition);
                tracing::warn!(%chain, partition, failures, error = why, "the lane failed and begins again");
                let labels = [("chain", chain.to_string()), ("partition", partition.to_string())];
                metrics::counter!(metric::LANE_RESTARTS, &labels).increment(1);
                place.gauge.fails(why);
                tokio::select! {
                    () = close.cancelled() => return,
                    () = sleep(restart.pause(failures)) => {}
                }
            }
        }
    }
}

/// Whether the partition is another lane's by now, or about to be.
fn is_elsewhere(error: &Error) -> bool {
    use bus::Error::{Busy, Lost, Moved};
    matches!(error, Error::Behind | Error::Bus(Busy { .. } | Lost { .. } | Moved { .. }))
}

/// Waits until the chain runs another generation than `generation`, or none.
async fn another_generation(place: &Place, generation: u64) {
    let mut swaps = place.table.swaps();
    while place.table.live(&place.chain).is_some_and(|live| live.generation == generation) {
        if swaps.changed().await.is_err() {
            return;
        }
    }
}

/// Runs `work` off the async workers.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::Panicked { reason: error.to_string() })
}

/// One life of a lane: from subscribing to the first failure.
struct Lane<'a> {
    place: &'a Arc<Place>,
    subscription: Box<dyn Subscription>,
    changelog: Option<Arc<Changelog>>,
    overlay: Arc<Overlay>,
    /// Away while a batch runs.
    runner: Option<Runner>,
    pace: Pace,
    /// What was published without a commit; away while a batch settles.
    trail: Option<Trail>,
    /// The batch that settles: one at most.
    settling: JoinSet<Result<Option<Trail>>>,
    give_up: CancellationToken,
}

impl<'a> Lane<'a> {
    async fn run(place: &'a Arc<Place>, close: &CancellationToken) -> Result<Exit> {
        let mut lane = Self::open(place).await?;
        place.gauge.begins();
        let (give_up, drain_max) = (lane.give_up.clone(), place.options.drain_max);
        // Beside the work, which may itself be waiting for a batch that finds no room.
        let patience = async {
            close.cancelled().await;
            sleep(drain_max).await;
            give_up.cancel();
            pending::<Infallible>().await
        };
        let exit = tokio::select! {
            exit = lane.work(close) => exit,
            never = patience => match never {},
        };
        // What is being committed must be committed or not before anybody reads the ledger again.
        lane.give_up.cancel();
        while lane.settling.join_next().await.is_some() {}
        exit
    }

    async fn open(place: &'a Arc<Place>) -> Result<Self> {
        let Place { chain, stream, partition, parts, options, .. } = &**place;
        // What waits in the lot is unsettled; beside it there is room for a batch that runs and one that settles.
        let credits = options.held_max + 3 * options.batch_max;
        let subscription = parts.bus.subscribe(stream, *partition, chain, credits).await?;
        let changelog = match &place.changelogs {
            Some(changelogs) => {
                Some(Arc::new(changelogs.open(stream, *partition, place.partitions, chain).await?))
            }
            None => None,
        };
        let here = Arc::clone(place);
        let mut ledger = blocking(move || read_ledger(&here)).await??;
        let bounds = bounds(&*parts.bus, stream, *partition, ledger.newest()).await?;
        if bounds.last < ledger.newest() {
            // Sequences never go back, so this is another stream of that name, or one that lost its end in a power
            // failure. To believe the ledger would be to take new messages for settled ones.
            tracing::warn!(%chain, %stream, partition, "the ledger is ahead of the stream and starts anew");
            ledger = Sequences::default();
        }
        // What the bus no longer has counts as settled.
        ledger.raise(bounds.first.saturating_sub(1));
        let (floor, newest, last) = (ledger.floor(), ledger.newest(), bounds.last);
        tracing::debug!(%chain, partition, floor, newest, last, "the lane begins");
        let (here, known) = (Arc::clone(place), ledger.clone());
        let trail = blocking(move || Trail::open(&here, &known, bounds, credits)).await??;
        let overlay = Arc::new(Overlay::new(Arc::clone(&parts.store)));
        let runner = Runner::new(Arc::clone(place), Arc::clone(&overlay), ledger);
        let (settling, give_up) = (JoinSet::new(), CancellationToken::new());
        let pace = Pace::new(options.batch_max);
        let runner = Some(runner);
        Ok(Self { place, subscription, changelog, overlay, runner, pace, trail, settling, give_up })
    }

    async fn work(&mut self, close: &CancellationToken) -> Result<Exit> {
        let place = self.place;
        // Once closing, what is in hand gets until then.
        let mut deadline = None;
        let mut look = interval(LAG_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if deadline.is_some() && self.is_idle() {
                return Ok(Exit::Closed);
            }
            let due = self.next_due();
            let room = deadline.is_none() && self.has_room();
            let fresh = tokio::select! {
                () = close.cancelled(), if deadline.is_none() => {
                    deadline = Some(Instant::now() + place.options.drain_max);
                    continue;
                }
                () = wait_until(deadline), if deadline.is_some() => return Ok(Exit::Closed),
                Some(settled) = self.settling.join_next() => {
                    self.settled(settled)?;
                    continue;
                }
                _ = look.tick() => {
                    match self.subscription.lag().await {
                        Ok(lag) => place.gauge.set_lag(lag),
                        Err(error @ (bus::Error::Lost { .. } | bus::Error::Unavailable { .. })) => return Err(error.into()),
                        // Servers that elect do not say; a figure is not worth a lane.
                        Err(_) => {}
                    }
                    continue;
                }
                () = wait_until(due), if due.is_some() => Vec::new(),
                fresh = self.subscription.fetch(self.pace.messages()), if room => fresh?,
            };
            match self.batch(fresh).await? {
                None => {}
                Some(Stop::Gone) => deadline = Some(Instant::now() + place.options.drain_max),
                Some(Stop::Halted { generation, why }) => {
                    self.finish().await?;
                    tracing::error!(chain = %place.chain, partition = place.partition, why, "the lane halted");
                    place.gauge.halted(why);
                    return Ok(Exit::Halted { generation });
                }
            }
        }
    }

    /// Runs one batch and hands it over for settling, behind the one before it.
    async fn batch(&mut self, fresh: Vec<Delivery>) -> Result<Option<Stop>> {
        let mut ran = self.execute(fresh).await?;
        self.place.gauge.took(ran.taken);
        self.place.gauge.set_parked(self.held());
        self.finish().await?;
        let stop = ran.stop.take();
        if ran.ended.is_empty() {
            self.overlay.forget_oldest();
        } else {
            let (place, changelog) = (Arc::clone(self.place), self.changelog.clone());
            let settler =
                Settler { place, changelog, trail: self.trail.take(), give_up: self.give_up.clone() };
            self.settling.spawn(settler.settle(ran));
        }
        Ok(stop)
    }

    async fn execute(&mut self, fresh: Vec<Delivery>) -> Result<Ran> {
        let Some(mut runner) = self.runner.take() else {
            return Err(Error::Panicked { reason: "an earlier batch took its lane with it".to_owned() });
        };
        let now = std::time::Instant::now();
        let run = move || {
            let ran = runner.run(fresh, now);
            (runner, ran)
        };
        let (runner, ran) = self.place.workers.run(run).await?;
        self.runner = Some(runner);
        self.pace.learn(ran.taken, now.elapsed());
        Ok(ran)
    }

    /// Waits until the batch that settles is settled.
    async fn finish(&mut self) -> Result<()> {
        while let Some(settled) = self.settling.join_next().await {
            self.settled(settled)?;
        }
        Ok(())
    }

    fn settled(&mut self, settled: std::result::Result<Result<Option<Trail>>, JoinError>) -> Result<()> {
        self.trail = settled.map_err(|error| Error::Panicked { reason: error.to_string() })??;
        self.overlay.forget_oldest();
        Ok(())
    }

    fn is_idle(&self) -> bool {
        self.settling.is_empty() && self.held() == 0
    }

    fn held(&self) -> usize {
        self.runner.as_ref().map_or(0, Runner::held)
    }

    /// Whether what waits leaves room for more. A batch may overshoot it, by what the bus hands out at once.
    fn has_room(&self) -> bool {
        let options = &self.place.options;
        let bytes = self.runner.as_ref().map_or(0, Runner::held_bytes);
        self.held() < options.held_max && bytes < options.held_bytes_max
    }

    fn next_due(&self) -> Option<Instant> {
        self.runner.as_ref().and_then(Runner::next_due).map(Instant::from_std)
    }
}

/// Where a stream begins and ends, which should be at `newest` or behind it. If not it is looked at for two seconds: servers that elect may
/// answer what was so a moment ago.
pub(crate) async fn bounds(bus: &dyn Bus, stream: &str, partition: u32, newest: u64) -> Result<Bounds> {
    let mut bounds = bus.bounds(stream, partition).await?;
    for _ in 0..LOOKS {
        if bounds.last >= newest {
            break;
        }
        sleep(LOOK_EVERY).await;
        bounds = bus.bounds(stream, partition).await?;
    }
    Ok(bounds)
}

async fn wait_until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => pending().await,
    }
}

/// The sequences that have had their effects: committed with those, so that a redelivery is recognised.
fn read_ledger(place: &Place) -> Result<Sequences> {
    let key = keys::ledger(&place.stream, place.partition, &place.chain);
    let snapshot = place.parts.store.snapshot()?;
    match snapshot.get("ledger", &key)? {
        None => Ok(Sequences::default()),
        Some(bytes) => {
            let mut rest = &*bytes;
            let ledger = Sequences::decode(&mut rest).filter(|_| rest.is_empty());
            ledger.ok_or_else(|| Error::Malformed {
                what: "a ledger",
                reason: format!(
                    "{} bytes that are none: check the disk, and restore the data folder from a copy",
                    bytes.len()
                ),
            })
        }
    }
}
