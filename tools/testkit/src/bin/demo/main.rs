//! The demonstration: a network of people posts in ten languages, the rules change under them, and an outside
//! count says that nothing was lost.
//!
//! `cargo xtask demo` builds what it needs and runs it. stdout is the show, the last line is the count; the node's own
//! log stays in its folder. Exits with 1 when anything was lost.
#![expect(clippy::print_stdout, reason = "the show goes to stdout")]

mod arguments;
mod changes;
mod crowd;
mod judgement;
mod stage;
mod steps;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser as _;

use arguments::Arguments;
use crowd::Crowd;
use stage::Stage;

#[tokio::main]
async fn main() -> ExitCode {
    match show(Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("the demonstration failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the whole of it; whether the promise held.
async fn show(arguments: Arguments) -> Result<bool> {
    let crowd = Crowd::gather(&arguments)?;
    title(&format!("{crowd}"));
    let stage = Stage::set(&arguments)?;
    let players = stage.start(arguments.nats, crowd.network.users).await?;
    let client = players.client()?;
    crowd.follow(&client).await?;

    title("Posts under load, and the rules change");
    let oracle = std::sync::Arc::new(testkit::oracle::Oracle::new());
    let load = crowd.publish(client.clone(), &oracle);
    let changes = changes::direct(&stage, &client, &load, crowd.posts.len() as u64).await;
    let went = load.finish().await;
    changes?;
    println!(
        "{} posts answered for in {:.1} s: {:.0} per second, of {} that this show sends. What the engine can take is in \
         docs/performance.md.\naccepted within p50 {:.1} ms, p99 {:.1} ms",
        went.answered,
        went.took.as_secs_f64(),
        went.per_second(),
        crowd.rate,
        went.percentile(0.5).as_secs_f64() * 1e3,
        went.percentile(0.99).as_secs_f64() * 1e3,
    );
    let report = judgement::wait(&client, &oracle, &crowd).await?;

    title("Receipts");
    stage.catena(&["receipts", "--limit", "100", "--data", &stage.data(&players)])?;
    let reader = crowd.reader();
    title(&format!("The feed of {} ({reader})", testkit::names::name_of(reader)));
    stage.catena(&["feed", &reader.to_string(), "--limit", "5", "--to", client.url()])?;
    title("Steps");
    println!("{}", steps::table(&players.metrics().await?));

    if let Err(error) = players.stop().await {
        println!("{error:#}");
    }
    title("The count from outside");
    Ok(judgement::print(&report))
}

fn title(text: &str) {
    println!("\n── {text} {}", "─".repeat(90_usize.saturating_sub(text.chars().count())));
}
