use clap::{Parser, Subcommand};

use crate::{
    build, chain, check, completions, dlq, exit::Result, feed, fleet, import, inspect, new, output::Output,
    receipts, run, send, status, test, up,
};

/// Runs chains of WebAssembly processors over messages, and changes them while the messages flow.
#[derive(Parser)]
#[command(
    name = "catena",
    version,
    max_term_width = 110,
    propagate_version = false,
    arg_required_else_help = true
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// How data on stdout looks.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        env = "CATENA_OUTPUT",
        hide_env_values = true,
        help_heading = "Global options"
    )]
    output: Output,
}

#[derive(Subcommand)]
enum Command {
    Up(up::Up),
    New(new::New),
    Build(build::Build),
    Check(check::Check),
    Run(run::Run),
    Test(test::Test),
    Inspect(inspect::Inspect),
    Send(send::Send),
    Feed(feed::Feed),
    Import(import::Import),
    Status(status::Status),
    Chain(chain::Chain),
    Receipts(receipts::Receipts),
    Dlq(dlq::Dlq),
    Fleet(fleet::FleetCommand),
    Completions(completions::Completions),
}

impl Arguments {
    pub(crate) fn execute(self) -> Result<()> {
        let output = self.output;
        match self.command {
            Command::Up(command) => command.execute(),
            Command::New(command) => command.execute(),
            Command::Build(command) => command.execute(output),
            Command::Check(command) => command.execute(output),
            Command::Run(command) => command.execute(output),
            Command::Test(command) => command.execute(output),
            Command::Inspect(command) => command.execute(output),
            Command::Send(command) => command.execute(output),
            Command::Feed(command) => command.execute(output),
            Command::Import(command) => command.execute(output),
            Command::Status(command) => command.execute(output),
            Command::Chain(command) => command.execute(output),
            Command::Receipts(command) => command.execute(output),
            Command::Dlq(command) => command.execute(output),
            Command::Fleet(command) => command.execute(output),
            Command::Completions(command) => command.execute(),
        }
    }
}
