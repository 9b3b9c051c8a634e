//! Every table there is: what it is called, which benchmark it belongs to, and how it is measured.

use std::{path::PathBuf, time::Duration};

use clap::ValueEnum;
use tokio::runtime::Runtime;

use crate::{bus, chain, feed, peers, report::Row, swap, threads, tiers};

/// What a run measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Group {
    /// Everything.
    All,
    /// Chains: a step, a message's wait, more chains, more steps, instances, allocations, and a second core.
    Chain,
    /// Instructions a message, counted by valgrind: where time is too noisy.
    Instructions,
    /// Other engines that run the same filters, and another compiler.
    Peers,
    /// The embedded bus beside its disk.
    Bus,
    /// Posts in, inbox entries, pages out.
    Feed,
    /// Chains and bundles that change under load.
    Swap,
    /// A fleet over NATS.
    Tiers,
}

/// How much is measured.
#[derive(Clone, Debug)]
pub(crate) struct Scale {
    /// Time for each figure.
    pub(crate) time: Duration,
    /// Swaps of the table that swaps many times.
    pub(crate) swaps: u32,
    /// Followers of the most followed author.
    pub(crate) followers: u64,
    /// Where `cargo xtask bench peers` puts what it builds.
    pub(crate) peers: PathBuf,
}

/// One table, not measured yet.
pub(crate) struct Planned {
    pub(crate) group: Group,
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) run: fn(&Scale, &Runtime) -> anyhow::Result<Vec<Row>>,
}

/// In the order in which they are measured.
pub(crate) const TABLES: &[Planned] = &[
    Planned {
        group: Group::Chain,
        name: "steps",
        title: "A step that hands its message on, µs a message and step",
        run: |scale, _| chain::pass::run(scale.time),
    },
    Planned {
        group: Group::Chain,
        name: "filters",
        title: "Five filters that each read two fields, µs a message",
        run: |scale, _| chain::filters::run(scale.time),
    },
    Planned {
        group: Group::Chain,
        name: "latency",
        title: "What a chain adds to a message's way",
        run: |scale, _| chain::latency::run(scale.time),
    },
    Planned {
        group: Group::Chain,
        name: "chains",
        title: "More chains, five steps each, µs a message",
        run: |scale, _| chain::many::chains(scale.time),
    },
    Planned {
        group: Group::Chain,
        name: "lengths",
        title: "Longer chains, µs a message and step",
        run: |scale, _| chain::many::steps(scale.time),
    },
    Planned {
        group: Group::Chain,
        name: "allocations",
        title: "What the host allocates, for each message",
        run: |_, _| chain::allocations::run(),
    },
    Planned {
        group: Group::Chain,
        name: "instances",
        title: "An instance for each message, or kept",
        run: |scale, _| chain::instances::run(scale.time),
    },
    Planned {
        group: Group::Chain,
        name: "threads",
        title: "One thread that runs chains, and two",
        run: |scale, runtime| runtime.block_on(threads::run(scale.time)),
    },
    Planned {
        group: Group::Instructions,
        name: "instructions",
        title: "Instructions a message, five steps",
        run: |_, _| chain::instructions::run(),
    },
    Planned {
        group: Group::Peers,
        name: "peers",
        title: "The same five filters elsewhere, µs a message",
        run: |scale, _| peers::run(scale),
    },
    Planned {
        group: Group::Peers,
        name: "compilers",
        title: "wasmtime's two compilers",
        run: |scale, _| peers::compilers::run(scale),
    },
    Planned {
        group: Group::Bus,
        name: "bus",
        title: "The embedded bus",
        run: |scale, runtime| runtime.block_on(bus::run(scale.time)),
    },
    Planned {
        group: Group::Feed,
        name: "posts",
        title: "Posts over HTTP",
        run: |scale, runtime| runtime.block_on(feed::posts::run(scale.time)),
    },
    Planned {
        group: Group::Feed,
        name: "entries",
        title: "Inbox entries",
        run: |_, runtime| runtime.block_on(feed::entries::run()),
    },
    Planned {
        group: Group::Feed,
        name: "pages",
        title: "Feed pages over HTTP",
        run: |scale, runtime| runtime.block_on(feed::pages::run(scale.time)),
    },
    Planned {
        group: Group::Swap,
        name: "reload",
        title: "A changed file, under load",
        run: |_, runtime| runtime.block_on(swap::reload::run()),
    },
    Planned {
        group: Group::Swap,
        name: "swaps",
        title: "Many swaps, under load",
        run: |scale, runtime| runtime.block_on(swap::many::run(scale.swaps)),
    },
    Planned {
        group: Group::Tiers,
        name: "tiers-posts",
        title: "Posts through a forwarder, fsynced by NATS",
        run: |scale, runtime| runtime.block_on(tiers::posts(scale.time)),
    },
    Planned {
        group: Group::Tiers,
        name: "tiers-flow",
        title: "From the forwarder to the inbox over NATS",
        run: |scale, runtime| runtime.block_on(tiers::flow(scale.time)),
    },
    Planned {
        group: Group::Tiers,
        name: "tiers-scale",
        title: "More distributors, and more shards",
        run: |scale, runtime| runtime.block_on(tiers::scale(scale.time)),
    },
    Planned {
        group: Group::Tiers,
        name: "tiers-followers",
        title: "More followers",
        run: |scale, runtime| runtime.block_on(tiers::followers(scale.followers)),
    },
];
