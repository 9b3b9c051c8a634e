//! The project's own tasks, `cargo xtask <task>`. Each says what it does, one line per phase with the time it
//! took, and runs the same tools a person would run by hand; nothing here is needed to use Catena.
#![expect(clippy::print_stderr, reason = "a task talks to whoever started it")]

mod bench;
mod bundles;
mod ci;
mod demo;
mod nats;
mod phase;
mod soak;
mod test;
mod tidy;
mod tool;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The project's own tasks.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    Demo(demo::Demo),
    Test(test::Test),
    Ci(ci::Ci),
    Bundles(bundles::Bundles),
    Tidy(tidy::Tidy),
    Bench(bench::Bench),
    Soak(soak::Soak),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::Demo(task) => task.execute(),
        Task::Test(task) => task.execute(),
        Task::Ci(task) => task.execute(),
        Task::Bundles(task) => task.execute(),
        Task::Tidy(task) => task.execute(),
        Task::Bench(task) => task.execute(),
        Task::Soak(task) => task.execute(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
