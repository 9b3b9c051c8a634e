//! Thousands of swaps of one chain while messages flow: what they cost in memory, and how long messages wait meanwhile.
//!
//! The whole center over a bus and a store in memory: no disk and no HTTP stand between a swap and a message. The load is an open loop; a message's time counts from the moment it was to be published to its
//! arrival in the output stream.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use bundle::{Library, Runtime};
use bus::{Bus, StreamSpec};
use hdrhistogram::Histogram;
use model::{Message, Name};
use mpc::{Center, Options, receipt::Verdict};
use testkit::save::{Style, save};
use tokio::{task::JoinSet, time::timeout};

use crate::{center::Ground, chain::plans, message, report::Row, turns::median, usage};

/// Messages a second.
const RATE: f64 = 1_000.0;
/// Before and after the swaps: the flow by itself.
const STEADY: Duration = Duration::from_secs(5);
/// A swap takes no longer.
const SWAP_MAX: Duration = Duration::from_secs(30);
/// Between two swaps, so that the flow is looked at and not a queue.
const PAUSE: Duration = Duration::from_millis(5);
/// How long the streams remember ids.
const IDS_KEPT: Duration = Duration::from_secs(1);
/// Looks at the memory.
const LOOKS: u32 = 20;
const STEPS: usize = 5;

/// Runs the benchmark.
pub(crate) async fn run(swaps: u32) -> anyhow::Result<Vec<Row>> {
    let folder = tempfile::tempdir_in(testkit::bundles::target())?;
    let (chains, bundles) = (folder.path().join("chains"), folder.path().join("bundles"));
    std::fs::create_dir(&chains)?;
    std::fs::create_dir(&bundles)?;
    let file = chains.join("many.toml");
    std::fs::write(&file, chain(0))?;

    let ground = Ground::in_memory()?;
    for stream in ["in", "out"] {
        // It would remember the ids of a whole day: that is memory, but not of swaps.
        let spec = StreamSpec { dedupe_window: IDS_KEPT, ..StreamSpec::new(Name::new(stream)?, 1) };
        ground.bus.provision(&spec.retaining(10_000)).await?;
    }
    let library = Arc::new(Library::new(Arc::new(Runtime::new(bundle::Options::default())?)));
    let refused = library.replace(vec![plans::file("stamp")?]);
    anyhow::ensure!(refused.is_empty(), "the bundle was refused: {refused:?}");
    let center = ground.start(Options::new(chains, bundles), &library).await?;

    let flow = Flow::start(&ground.bus).await?;
    tokio::time::sleep(STEADY).await;
    let before = flow.take()?;
    let (mut memory, mut delays) = (vec![resident_mb()?], Vec::new());
    for swap in 1..=swaps {
        delays.push(change(&center, &file, swap).await?);
        if swap % (swaps / LOOKS).max(1) == 0 {
            memory.push(resident_mb()?);
        }
    }
    let during = flow.take()?;
    tokio::time::sleep(STEADY).await;
    let after = flow.take()?;
    flow.end().await;
    ground.end(center).await;
    Ok(rows(swaps, &before, &during, &after, &memory, delays))
}

fn rows(
    swaps: u32,
    before: &Histogram<u64>,
    during: &Histogram<u64>,
    after: &Histogram<u64>,
    memory: &[f64],
    delays: Vec<f64>,
) -> Vec<Row> {
    let p99 = |times: &Histogram<u64>| times.value_at_quantile(0.99) as f64 / 1e3;
    // A tenth of the swaps warms caches and pools up.
    let settled = memory.get(memory.len() / 10 + 1).copied().unwrap_or(f64::NAN);
    let last = memory.last().copied().unwrap_or(f64::NAN);
    let steady = p99(before).max(p99(after));
    let mut sorted = delays.clone();
    sorted.sort_by(f64::total_cmp);
    let slowest = sorted.get(sorted.len() * 99 / 100).copied().unwrap_or(f64::NAN);
    vec![
        Row::new(format!("a message while the chain is swapped {swaps} times: p99"), p99(during), "ms")
            .beside("no swaps", steady)
            .note(format!(
                "{RATE:.0} messages/s through {STEPS} steps, from the moment it was to be published; p50 {:.2} ms \
                 ({:.2} ms without)",
                during.value_at_quantile(0.5) as f64 / 1e3,
                before.value_at_quantile(0.5) as f64 / 1e3
            )),
        Row::new("a changed chain file until its generation is live: p50", median(delays), "ms")
            .note(format!("p99 {slowest:.0} ms; 30 ms of it the watcher waits for more changes")),
        Row::new("resident memory after the last swap", last, "MB").beside("after a tenth of them", settled).note(
            format!(
                "{:.0} MB before the first; whoever sends the load included",
                memory.first().copied().unwrap_or(f64::NAN)
            ),
        ),
    ]
}

/// Changes the chain; answers after how many milliseconds it was live.
async fn change(center: &Center, file: &Path, swap: u32) -> anyhow::Result<f64> {
    let mut receipts = center.subscribe_receipts();
    let began = Instant::now();
    save(Style::RenameOver, file, chain(swap).as_bytes())?;
    let live = async {
        loop {
            let receipt = receipts.recv().await?;
            if receipt.verdict == Verdict::Live {
                return anyhow::Ok(());
            }
            anyhow::ensure!(receipt.verdict != Verdict::Refused, "a chain was refused: {:?}", receipt.report);
        }
    };
    timeout(SWAP_MAX, live).await.context("a change did not go live")??;
    let took = began.elapsed();
    tokio::time::sleep(PAUSE).await;
    Ok(took.as_secs_f64() * 1e3)
}

/// The chain's text, another with each number.
fn chain(mark: u32) -> String {
    let steps: String = (0..STEPS)
        .map(|n| {
            format!("[[step]]\nid = \"stamp-{n}\"\nuses = \"stamp@^1\"\nsettings = {{ mark = \"{mark}\" }}\n")
        })
        .collect();
    format!("[chain]\nid = \"many\"\ninput = \"in\"\noutput = \"out\"\n\n{steps}")
}

/// Messages on their way, and how long they took.
struct Flow {
    tasks: JoinSet<anyhow::Result<()>>,
    micros: Arc<Mutex<Histogram<u64>>>,
}

impl Flow {
    async fn start(bus: &Arc<dyn Bus>) -> anyhow::Result<Self> {
        let micros = Arc::new(Mutex::new(histogram()?));
        let mut tasks = JoinSet::new();
        let began = Instant::now();
        let publisher = Arc::clone(bus);
        tasks.spawn(async move {
            for n in 0_u64.. {
                let meant = Duration::from_secs_f64(n as f64 / RATE);
                tokio::time::sleep_until((began + meant).into()).await;
                let (id, kind) = (format!("{n:016x}"), meant.as_micros().to_string());
                let message = Message { id, kind, ..message::of(message::BYTES) };
                publisher.publish("in", 0, vec![message]).await?;
            }
            Ok(())
        });
        let mut subscription = bus.subscribe("out", 0, "bench", 10_000).await?;
        let into = Arc::clone(&micros);
        tasks.spawn(async move {
            loop {
                let deliveries = subscription.fetch(1_000).await?;
                let now = began.elapsed();
                for delivery in deliveries {
                    let meant = Duration::from_micros(delivery.stored.message.kind.parse()?);
                    let took = u64::try_from(now.saturating_sub(meant).as_micros())?;
                    into.lock().unwrap_or_else(PoisonError::into_inner).saturating_record(took);
                    delivery.settle.ack();
                }
            }
        });
        Ok(Self { tasks, micros })
    }

    /// What arrived since the last time.
    fn take(&self) -> anyhow::Result<Histogram<u64>> {
        let fresh = histogram()?;
        Ok(std::mem::replace(&mut *self.micros.lock().unwrap_or_else(PoisonError::into_inner), fresh))
    }

    async fn end(mut self) {
        self.tasks.shutdown().await;
    }
}

fn histogram() -> anyhow::Result<Histogram<u64>> {
    Ok(Histogram::new_with_max(60_000_000, 3)?)
}

/// This process's memory, as Linux counts it.
fn resident_mb() -> anyhow::Result<f64> {
    Ok(usage::memory_kb("VmRSS")? / 1e3)
}
