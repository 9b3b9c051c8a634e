//! Benchmarks: every figure beside its floor or its peer, measured in the same run.

mod bare;
mod chain;
mod feed;
mod floor;
mod inserts;
mod load;
mod node;
mod posts;
mod reload;
mod report;
mod tiers;

use std::time::Duration;

use clap::{Parser, ValueEnum};

/// Measures Catena. Run it through `cargo xtask bench`, which builds what it needs.
#[derive(Parser)]
#[command(name = "catena-bench")]
struct Bench {
    /// What to measure.
    #[arg(value_enum, default_value = "all")]
    what: What,
    /// Seconds for each figure.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Followers of the most followed author of `tiers-followers`.
    #[arg(long, default_value_t = 100_000)]
    followers: u64,
    /// One JSON object per table instead of Markdown.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum What {
    /// Everything.
    All,
    /// Five steps against five bare calls.
    Chain,
    /// Posts over HTTP.
    Posts,
    /// Feed pages over HTTP.
    Feed,
    /// Inbox entries of one shard.
    Inserts,
    /// From a changed file to the first message.
    Reload,
    /// Tiers over NATS: the four below.
    Tiers,
    /// Posts through a forwarder.
    TiersPosts,
    /// From the forwarder to the inbox, beside `nats bench`.
    TiersFlow,
    /// More distributors, and more shards.
    TiersScale,
    /// More followers.
    TiersFollowers,
}

fn main() -> anyhow::Result<()> {
    let bench = Bench::parse();
    let time = Duration::from_secs_f64(bench.seconds);
    let wants = |what| {
        let tiers =
            [What::TiersPosts, What::TiersFlow, What::TiersScale, What::TiersFollowers].contains(&what);
        bench.what == What::All || bench.what == what || (bench.what == What::Tiers && tiers)
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    if wants(What::Chain) {
        report::print("A chain of five", &chain::run(time)?, bench.json)?;
    }
    if wants(What::Posts) {
        report::print("Posts over HTTP", &runtime.block_on(posts::run(time))?, bench.json)?;
    }
    if wants(What::Feed) {
        report::print("Feed pages over HTTP", &runtime.block_on(feed::run(time))?, bench.json)?;
    }
    if wants(What::Inserts) {
        report::print("Inbox entries", &runtime.block_on(inserts::run())?, bench.json)?;
    }
    if wants(What::Reload) {
        report::print("Reload under load", &runtime.block_on(reload::run())?, bench.json)?;
    }
    if wants(What::TiersPosts) {
        let rows = runtime.block_on(tiers::posts(time))?;
        report::print("Posts through a forwarder, fsynced by NATS", &rows, bench.json)?;
    }
    if wants(What::TiersFlow) {
        let rows = runtime.block_on(tiers::flow(time))?;
        report::print("From the forwarder to the inbox over NATS", &rows, bench.json)?;
    }
    if wants(What::TiersScale) {
        let rows = runtime.block_on(tiers::scale(time))?;
        report::print("More distributors, and more shards", &rows, bench.json)?;
    }
    if wants(What::TiersFollowers) {
        let rows = runtime.block_on(tiers::followers(bench.followers))?;
        report::print("More followers", &rows, bench.json)?;
    }
    Ok(())
}
