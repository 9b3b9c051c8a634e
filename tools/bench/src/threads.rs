//! Whether throughput grows with the threads that run chains.
//!
//! First what the machine gives: native functions on one thread and on two. Then a chain by itself, each thread with messages of its own. Then the whole
//! center, which works off a backlog in several partitions, over a disk in memory, since syncs are for other tables. There what is not wasm is on the same cores: the bus's
//! writer, the commits, the runtime that hands batches over. One thread has a core for itself and another one for all that; two have not.

use std::{
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use bundle::{File, Library, Runtime};
use bus::StreamSpec;
use model::{Message, Name};
use mpc::{Center, Options};
use store::{Durability, Lmdb, Store, Table};
use tempfile::TempDir;

use crate::{
    center::Ground,
    chain::{
        BATCH, STEPS,
        filters::natively,
        plans::{self, Batch, Guests},
    },
    message,
    report::Row,
    turns::median,
    usage::Usage,
};

const PARTITIONS: u32 = 4;
/// In each partition, before anybody works on it.
const BACKLOG: usize = 20_000;
/// Published at once.
const PUBLISHED: usize = 1_000;
/// What is measured is the middle: neither the start nor the end, when partitions run out one after the other.
const FROM: f64 = 0.1;
const TO: f64 = 0.8;
const ROUNDS: u32 = 3;
/// Longer than the slowest machine takes.
const ROUND_MAX: Duration = Duration::from_secs(300);

/// Runs the benchmark.
pub(crate) async fn run(time: Duration) -> anyhow::Result<Vec<Row>> {
    let each = time / (2 * ROUNDS);
    let native = pairs(async |threads| {
        at_once(threads, each, || {
            let batch = Batch::of(&message::of(message::BYTES), BATCH);
            move || batch.messages().iter().try_for_each(natively)
        })
    });
    let native = native.await?;
    let plan = Guests::new(&["fields"], 64)?.plan_with("fields", "whole = true", STEPS)?;
    let chain = pairs(async |threads| {
        at_once(threads, each, || {
            let (mut batch, plan) = (Batch::of(&message::of(message::BYTES), BATCH), &plan);
            move || batch.together(plan, BATCH)
        })
    });
    let chain = chain.await?;

    let library = Arc::new(Library::new(Arc::new(Runtime::new(bundle::Options::default())?)));
    let refused = library.replace(files()?);
    anyhow::ensure!(refused.is_empty(), "a bundle was refused: {refused:?}");
    let filters = plans::text("fields", "settings = { whole = true }", STEPS);
    let filters = pairs(async |threads| work_off(&library, &filters, threads).await).await?;
    let sample = std::fs::read_to_string(testkit::bundles::root().join("chains/feed.toml"))?;
    let sample = sample.replace("input = \"posts\"", "input = \"in\"");
    let sample = pairs(async |threads| work_off(&library, &sample, threads).await).await?;
    let rows = [
        rows("native functions", native),
        rows("a chain of five that parses in each step", chain),
        rows("the center with that chain", filters),
        rows("the center with the sample chain", sample),
    ];
    Ok(rows.into_iter().flatten().collect())
}

/// Measures with one thread and with two, in turns; the medians.
async fn pairs(measure: impl AsyncFn(usize) -> anyhow::Result<Round>) -> anyhow::Result<[Round; 2]> {
    let (mut one, mut two) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        one.push(measure(1).await?);
        two.push(measure(2).await?);
    }
    let middle = |rounds: Vec<Round>| Round {
        rate: median(rounds.iter().map(|round| round.rate).collect()),
        cores: median(rounds.iter().map(|round| round.cores).collect()),
    };
    Ok([middle(one), middle(two)])
}

fn rows(what: &str, [one, two]: [Round; 2]) -> [Row; 2] {
    let row = |threads: &str, round: &Round| {
        let row = Row::new(format!("{what}, {threads}"), round.rate, "/s");
        let each = round.cores / round.rate * 1e6;
        row.note(format!("{:.2} cores busy: {each:.1} µs of processor time a message", round.cores))
    };
    [row("one thread", &one), row("two threads", &two).beside("one thread", one.rate)]
}

/// So many threads, each with work of its own that takes [`BATCH`] messages.
fn at_once<W: FnMut() -> anyhow::Result<()>>(
    threads: usize,
    time: Duration,
    work: impl Fn() -> W + Sync,
) -> anyhow::Result<Round> {
    let (began, used) = (Instant::now(), Usage::now(std::iter::empty()));
    let one = || {
        let (mut work, mut messages) = (work(), 0);
        while began.elapsed() < time {
            work()?;
            messages += BATCH;
        }
        anyhow::Ok(messages)
    };
    let messages = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        let joined = threads.into_iter().map(|thread| match thread.join() {
            Ok(messages) => messages,
            Err(_) => Err(anyhow::anyhow!("a thread panicked")),
        });
        joined.sum::<anyhow::Result<usize>>()
    })?;
    let (elapsed, now) = (began.elapsed(), Usage::now(std::iter::empty()));
    Ok(Round { rate: messages as f64 / elapsed.as_secs_f64(), cores: now.since(&used).cores(elapsed) })
}

/// The sample bundles and the filter.
fn files() -> anyhow::Result<Vec<File>> {
    let names = ["validate", "normalize", "dedupe", "spam-filter", "quarantine", "enrich"];
    let samples = testkit::bundles::samples()?;
    let mut files = vec![plans::file("fields")?];
    for name in names {
        let path = samples.join(format!("{name}.wasm"));
        let bytes = std::fs::read(&path).with_context(|| format!("failed to read `{}`", path.display()))?;
        files.push(File { path, bytes: bytes.into() });
    }
    Ok(files)
}

struct Round {
    /// Messages a second.
    rate: f64,
    cores: f64,
}

/// Works off a backlog with so many threads.
async fn work_off(library: &Arc<Library>, chain: &str, workers: usize) -> anyhow::Result<Round> {
    let folder = folder()?;
    let (chains, bundles) = (folder.path().join("chains"), folder.path().join("bundles"));
    std::fs::create_dir(&chains)?;
    std::fs::create_dir(&bundles)?;
    std::fs::write(chains.join("chain.toml"), chain)?;

    let ground = Ground::over(
        lmdb(&folder.path().join("bus"), bus::TABLES)?,
        lmdb(&folder.path().join("center"), mpc::TABLES)?,
    )?;
    ground.bus.provision(&StreamSpec::new(Name::new("in")?, PARTITIONS)).await?;
    for partition in 0..PARTITIONS {
        for begin in (0..BACKLOG).step_by(PUBLISHED) {
            let messages = (begin..begin + PUBLISHED).map(|n| one(partition, n)).collect();
            ground.bus.publish("in", partition, messages).await?;
        }
    }
    let center = ground.start(Options { workers, ..Options::new(chains, bundles) }, library).await?;
    let all = f64::from(PARTITIONS) * BACKLOG as f64;
    let (first, began, used) = reached(&center, all * FROM).await?;
    let (last, ended, now) = reached(&center, all * TO).await?;
    ground.end(center).await;
    let elapsed = ended - began;
    Ok(Round { rate: (last - first) / elapsed.as_secs_f64(), cores: now.since(&used).cores(elapsed) })
}

/// In memory, where there is such a place.
fn folder() -> anyhow::Result<TempDir> {
    let memory = Path::new("/dev/shm");
    Ok(if memory.is_dir() { tempfile::tempdir_in(memory)? } else { tempfile::tempdir()? })
}

fn lmdb(path: &Path, tables: &[Table]) -> anyhow::Result<Arc<dyn Store>> {
    let options = store::Options { durability: Durability::Relaxed, ..store::Options::new(path, tables) };
    Ok(Arc::new(Lmdb::open(&options)?))
}

/// No two of one key: what comes after a message need not wait for it.
fn one(partition: u32, n: usize) -> Message {
    let key = format!("{partition}-{n}");
    Message { id: format!("{key}-0000000000000001"), key, ..message::of(message::BYTES) }
}

/// Waits until so many messages have come to their end; how many exactly, and what was used until then.
async fn reached(center: &Center, messages: f64) -> anyhow::Result<(f64, Instant, Usage)> {
    let began = Instant::now();
    loop {
        let ended: u64 = center.chains().iter().map(|chain| chain.messages.out + chain.messages.term).sum();
        if ended as f64 >= messages {
            return Ok((ended as f64, Instant::now(), Usage::now(std::iter::empty())));
        }
        anyhow::ensure!(began.elapsed() < ROUND_MAX, "{ended} messages came through, not {messages}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
