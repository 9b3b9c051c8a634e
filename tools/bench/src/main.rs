//! Benchmarks: every figure beside its floor, its peer or its target, measured in the same run.

mod allocations;
mod bus;
mod center;
mod chain;
mod feed;
mod load;
mod message;
mod node;
mod open;
mod page;
mod peers;
mod plot;
mod report;
mod swap;
mod tables;
mod threads;
mod tiers;
mod turns;
mod usage;

use std::{path::PathBuf, time::Duration};

use clap::{Parser, builder::PossibleValuesParser};

use report::{Output, Table};
use tables::{Group, Scale, TABLES};

/// Measures Catena. Run it through `cargo xtask bench`, which builds what it needs.
#[derive(Parser)]
#[command(name = "catena-bench")]
struct Bench {
    /// What to measure.
    #[arg(value_enum, default_value = "all")]
    what: Group,
    /// Only this table of it; may be repeated.
    #[arg(long = "table", value_name = "NAME", value_parser = PossibleValuesParser::new(TABLES.iter().map(|t| t.name)))]
    tables: Vec<String>,
    /// Seconds for each figure.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Swaps of the table `swaps`.
    #[arg(long, default_value_t = 10_000)]
    swaps: u32,
    /// Followers of the most followed author of the table `tiers-followers`.
    #[arg(long, default_value_t = 100_000)]
    followers: u64,
    /// The folder of the built peers [default: target/peers].
    #[arg(long, env = "CATENA_BENCH_PEERS", value_name = "DIR")]
    peers: Option<PathBuf>,
    /// How tables are printed.
    #[arg(long, value_enum, default_value_t = Output::Markdown)]
    output: Output,
    /// Also write the tables into docs/performance.md, and with those of `chain` its plot.
    #[arg(long)]
    write: bool,
    /// Nothing but so many batches of one contender: what is run under valgrind.
    #[arg(long, hide = true, num_args = 2, value_names = ["CONTENDER", "BATCHES"])]
    exactly: Vec<String>,
}

fn main() -> anyhow::Result<()> {
    allocator::keep_freed_memory();
    let bench = Bench::parse();
    if let [contender, batches] = bench.exactly.as_slice() {
        return chain::instructions::exactly(contender, batches.parse()?);
    }
    let scale = Scale {
        time: Duration::from_secs_f64(bench.seconds),
        swaps: bench.swaps,
        followers: bench.followers,
        peers: bench.peers.unwrap_or_else(|| testkit::bundles::target().join("peers")),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let mut wanted = TABLES.iter().filter(|table| {
        (bench.what == Group::All || bench.what == table.group)
            && (bench.tables.is_empty() || bench.tables.iter().any(|name| name == table.name))
    });
    wanted.try_for_each(|planned| {
        let rows = (planned.run)(&scale, &runtime)?;
        let table = Table { name: planned.name, title: planned.title, rows };
        table.print(bench.output)?;
        if bench.write { page::write(&table) } else { Ok(()) }
    })?;
    if bench.write && bench.tables.is_empty() && matches!(bench.what, Group::All | Group::Chain) {
        plot::write(scale.time)?;
    }
    Ok(())
}
