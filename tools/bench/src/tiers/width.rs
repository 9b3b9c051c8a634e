//! A backlog in two partitions, worked off by one distributor and by two.

use std::time::{Duration, Instant};

use testkit::nats::Sync;

use super::{server, stage::Stage};
use crate::report::Row;

const PARTITIONS: u32 = 2;

/// Runs the benchmark.
pub(super) async fn run(time: Duration) -> anyhow::Result<Vec<Row>> {
    let one = drain(&["distributor-1"], time).await?;
    let two = drain(&["distributor-1", "distributor-2"], time).await?;
    Ok(vec![
        Row::new("backlog of two partitions, one distributor", one.0, "/s").note(one.1),
        Row::new("… two distributors", two.0, "/s").beside("one", one.0).note(two.1),
    ])
}

/// Messages a second from the moment the distributors are started to the last arrival, and what it cost.
async fn drain(distributors: &[&str], time: Duration) -> anyhow::Result<(f64, String)> {
    let members = [("forwarder", "forwarder"), ("inbox", "inbox")];
    let mut stage = Stage::start(server(Sync::Always).await?, PARTITIONS, vec![0], &members).await?;
    stage.fill(time).await?;
    let posts = stage.accepted().await?;
    for name in distributors {
        stage.fleet.add(name, "distributor").await?;
    }
    // Once it flows: taking turns and compiling bundles are not what is measured.
    stage.arrival(1.0).await?;
    let (applied, before, began) = (stage.applied().await?, stage.usage(), Instant::now());
    stage.arrival(posts).await?;
    let took = began.elapsed();
    let (arrived, used) = (posts - applied, stage.usage().since(&before));
    let note = format!("µs a post: {}; {:.1} cores busy", used.per_message(arrived), used.cores(took));
    stage.end().await?;
    Ok((arrived / took.as_secs_f64(), note))
}
