//! What it costs to start an instance, let it work on one message and end it, by how its memory is allocated, and what a step
//! pays that wants a fresh instance for each message. [`bundle`] has the last of the ways, where Linux offers it, else the second.

use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::{
    BATCH, STEPS,
    bare::{self, Bare, Linked},
    plans::{self, Batch, Guests},
};
use crate::{message, report::Row, turns::Turns, usage};

/// Instances at once, where their memory is looked at, and in the pool.
const INSTANCES: u32 = 64;
/// Instances of one turn.
const TURN: usize = 16;
/// Bytes of an ended instance's memory that stay, where some do.
const KEPT: usize = 256 << 10;

/// How instances are allocated.
struct Way {
    what: &'static str,
    linked: Linked,
    turns: Turns,
}

impl Way {
    fn new(
        what: &'static str,
        component: &[u8],
        configure: impl FnOnce(&mut Config),
    ) -> anyhow::Result<Self> {
        let mut config = bare::config();
        configure(&mut config);
        let engine = Engine::new(&config).map_err(|e| anyhow!("{e:#}"))?;
        Ok(Self { what, linked: Linked::new(&engine, component)?, turns: Turns::default() })
    }

    fn turn(&mut self, message: &model::Message) -> anyhow::Result<()> {
        let Self { linked, turns, .. } = self;
        turns.turn(TURN, || (0..TURN).try_for_each(|_| Bare::of(linked, 1)?.run(message).map(drop)))
    }

    /// Kilobytes of memory that each of many instances leaves behind.
    fn left(&self, message: &model::Message) -> anyhow::Result<f64> {
        let before = usage::memory_kb("RssAnon")?;
        let instances = (0..INSTANCES).map(|_| Bare::of(&self.linked, 1));
        let mut instances = instances.collect::<anyhow::Result<Vec<_>>>()?;
        instances.iter_mut().try_for_each(|instance| instance.run(message).map(drop))?;
        drop(instances);
        Ok((usage::memory_kb("RssAnon")? - before).max(0.0) / f64::from(INSTANCES))
    }
}

fn pooled(set: impl FnOnce(&mut PoolingAllocationConfig)) -> impl FnOnce(&mut Config) {
    move |config| {
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(INSTANCES)
            .total_core_instances(8 * INSTANCES)
            .total_memories(2 * INSTANCES)
            .total_tables(4 * INSTANCES);
        set(&mut pool);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    }
}

fn ways(component: &[u8]) -> anyhow::Result<Vec<Way>> {
    let way = |what, configure: Box<dyn FnOnce(&mut Config)>| Way::new(what, component, configure);
    let kept = |scan| {
        move |pool: &mut PoolingAllocationConfig| {
            pool.linear_memory_keep_resident(KEPT).table_keep_resident(KEPT).pagemap_scan(scan);
        }
    };
    let mut ways = vec![
        way(
            "allocated on demand",
            Box::new(|config| {
                config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
            }),
        )?,
        way("pooled, nothing stays in memory", Box::new(pooled(|_| ())))?,
        way(
            "the same, its memory copied instead of copy-on-write",
            Box::new(|config| {
                pooled(|_| ())(config);
                config.memory_init_cow(false);
            }),
        )?,
        way(
            "pooled, tables stay in memory",
            Box::new(pooled(|pool| {
                pool.table_keep_resident(KEPT);
            })),
        )?,
        way("pooled, the first 256 KiB and tables stay", Box::new(pooled(kept(Enabled::No))))?,
    ];
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        let what = "pooled, of what was written 256 KiB stay, and tables";
        ways.push(way(what, Box::new(pooled(kept(Enabled::Yes))))?);
    }
    Ok(ways)
}

/// Runs the benchmark.
pub(crate) fn run(time: Duration) -> anyhow::Result<Vec<Row>> {
    let message = message::of(message::BYTES);
    let mut ways = ways(&plans::file("fields-by-value")?.bytes)?;
    let end = Instant::now() + time;
    while Instant::now() < end {
        ways.iter_mut().try_for_each(|way| way.turn(&message))?;
    }
    let first = ways.first().map(|way| way.turns.micros()).context("there is a first way")?;
    let rows = ways.iter().map(|way| {
        let row = Row::new(format!("started, called once, ended: {}", way.what), way.turns.micros(), "µs");
        let row = row.note(format!("{:.0} KB stay for each of {INSTANCES} that ended", way.left(&message)?));
        Ok(row.beside("on demand", first))
    });
    let mut rows = rows.collect::<anyhow::Result<Vec<_>>>()?;
    rows.extend(steps(time)?);
    Ok(rows)
}

/// Steps with fresh instances beside steps that keep theirs.
fn steps(time: Duration) -> anyhow::Result<Vec<Row>> {
    let guests = Guests::new(&["pass", "pass-by-value"], INSTANCES)?;
    let plan = |guest, more| guests.plan_from(&plans::text(guest, more, STEPS));
    let (kept, fresh) = ("", "fresh_instance = true");
    let plans = [
        (plan("pass-by-value", kept)?, plan("pass-by-value", fresh)?),
        (plan("pass", kept)?, plan("pass", fresh)?),
    ];
    let mut batch = Batch::of(&message::of(message::BYTES), BATCH);
    let mut turns: [[Turns; 2]; 2] = Default::default();
    let end = Instant::now() + time;
    while Instant::now() < end {
        for ((kept, fresh), [keeps, starts]) in plans.iter().zip(&mut turns) {
            keeps.turn(BATCH * STEPS, || batch.together(kept, BATCH))?;
            starts.turn(BATCH * STEPS, || batch.together(fresh, BATCH))?;
        }
    }
    let [by_value, sdk] = turns.map(|turns| turns.map(|turns| turns.micros()));
    let rows = |what: &str, [keeps, starts]: [f64; 2]| {
        [
            Row::new(format!("{what}, 64 messages at a time"), keeps, "µs"),
            Row::new(format!("{what}, `fresh_instance`"), starts, "µs").beside("instance kept", keeps),
        ]
    };
    Ok([rows("a step by value", by_value), rows("a step as the SDK makes it", sdk)]
        .into_iter()
        .flatten()
        .collect())
}
