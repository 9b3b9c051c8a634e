//! The `catena` command.
//!
//! Data goes to stdout, talk to stderr. Exit codes: 0 done, 1 failed, 64 called wrongly. One file per subcommand,
//! each with `execute(self)`; the shared parts are [`workbench`] (bundles and chains on this machine) and
//! [`remote`] (a running node over HTTP).

mod arguments;
mod build;
mod chain;
mod check;
mod completions;
mod diff;
mod dlq;
mod exit;
mod feed;
mod fleet;
mod import;
mod inspect;
mod messages;
mod new;
mod number;
mod output;
mod receipts;
mod remote;
mod run;
mod send;
mod status;
mod table;
mod test;
mod up;
mod workbench;

use std::process::ExitCode;

use allocator::MiMalloc;
use clap::Parser;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    allocator::keep_freed_memory();
    match arguments::Arguments::try_parse() {
        Ok(arguments) => exit::code(arguments.execute()),
        Err(error) => exit::usage(&error),
    }
}
