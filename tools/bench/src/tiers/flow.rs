//! The whole way: forwarder → chain of five → inbox shard, a process each.

use std::time::Duration;

use testkit::nats::Server;

use super::{peer::Peer, stage::Stage};
use crate::report::Row;

/// As many as `posts.partitions` has by default.
const PARTITIONS: u32 = 4;
/// Before it counts: instances are made, batches found their size.
const WARM: Duration = Duration::from_secs(1);

/// Runs the benchmark of one class.
pub(super) async fn run(
    class: &str,
    server: Server,
    peer: Option<&Peer>,
    time: Duration,
) -> anyhow::Result<Vec<Row>> {
    let members = [("forwarder", "forwarder"), ("distributor", "distributor"), ("inbox", "inbox")];
    let stage = Stage::start(server, PARTITIONS, vec![0], &members).await?;
    stage.run(WARM).await?;
    let run = stage.run(time).await?;
    let mut row = Row::new(format!("{class}: forwarder → chain of five → inbox"), run.rate(), "/s");
    if let Some(peer) = peer {
        row = row.beside("publish plus pull", peer.both);
    }
    let twice = peer.map_or(String::new(), |peer| {
        format!("each message is published and pulled twice: {:.2} of that; ", 2.0 * run.rate() / peer.both)
    });
    let row = row.note(format!(
        "1 KB, {twice}{:.0}/s accepted meanwhile; µs a post: {}; {:.1} cores busy",
        run.posts / run.load.elapsed.as_secs_f64(),
        run.usage.per_message(run.posts),
        run.usage.cores(run.took)
    ));
    stage.end().await?;
    Ok(vec![row])
}
