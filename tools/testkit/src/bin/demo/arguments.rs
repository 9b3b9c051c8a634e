use std::path::PathBuf;

use clap::Parser;

/// Shows Catena at work: posts under load, live swaps, receipts, and a count from outside.
#[derive(Parser)]
#[command(name = "demo")]
pub(crate) struct Arguments {
    /// The same seed gives the same people and posts.
    #[arg(long, default_value_t = 7)]
    pub(crate) seed: u64,
    /// How many people there are.
    #[arg(long, default_value_t = 600)]
    pub(crate) users: u64,
    /// How many others each follows.
    #[arg(long, default_value_t = 12)]
    pub(crate) follows_per_user: u64,
    /// Posts sent per second; with `--posts` fewer, so that they last.
    #[arg(long, default_value_t = 400)]
    pub(crate) rate: u32,
    /// For how long.
    #[arg(long, default_value_t = 20)]
    pub(crate) seconds: u32,
    /// Follows from a file instead: two integers a line.
    #[arg(long, value_name = "FILE")]
    pub(crate) follows: Option<PathBuf>,
    /// The follows go both ways.
    #[arg(long, requires = "follows")]
    pub(crate) undirected: bool,
    /// Posts from a file instead, one JSON object a line.
    #[arg(long, value_name = "FILE")]
    pub(crate) posts: Option<PathBuf>,
    /// Where in a line the author's id is: a name, or a JSON pointer.
    #[arg(long, default_value = "/user/id")]
    pub(crate) author_field: String,
    /// Where the text is.
    #[arg(long, default_value = "text")]
    pub(crate) text_field: String,
    /// Runs it as seven processes over a NATS server started for it: two forwarders, two distributors, two inbox nodes and a
    /// gateway.
    #[arg(long)]
    pub(crate) nats: bool,
    /// Leave the node's folders for a look afterwards, and say where they are.
    #[arg(long)]
    pub(crate) keep: bool,
}
