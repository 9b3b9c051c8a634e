//! Other engines that run the same five filters on the same message, each the fastest way it offers, in the same run.
//!
//! They are no part of the workspace: `cargo xtask bench peers` builds what can be built, and one that is not there is a row that says how to get it.

mod benthos;
pub(crate) mod compilers;
mod programs;

use std::path::Path;

use crate::{chain::filters::Contest, message, report::Row, tables::Scale, turns::median};

/// Everyone takes turns so often.
const ROUNDS: u32 = 3;

/// An engine to measure beside.
trait Peer {
    /// Its name, and how it runs the filters.
    fn what(&self) -> String;
    /// What a reader must know.
    fn note(&self) -> String;
    /// Microseconds a message, measured for about `seconds`.
    fn measure(&mut self, message: &Path, seconds: f64) -> anyhow::Result<f64>;
}

/// A peer that is there, or what to say in its place.
type Found = Result<Box<dyn Peer>, Row>;

/// Runs the benchmark.
pub(crate) fn run(scale: &Scale) -> anyhow::Result<Vec<Row>> {
    let folder = tempfile::tempdir_in(testkit::bundles::target())?;
    let file = folder.path().join("message.json");
    std::fs::write(&file, message::body(message::BYTES))?;
    let mut contest = Contest::new()?;
    let peers: [Found; 3] = [
        programs::extism(&scale.peers),
        programs::felix(&scale.peers),
        benthos::find(&scale.peers, folder.path()),
    ];
    let mut peers = peers.map(|found| found.map(|peer| (peer, Vec::new())));
    for _ in 0..ROUNDS {
        contest.run(scale.time / ROUNDS)?;
        for found in &mut peers {
            let Ok((peer, micros)) = found else { continue };
            match peer.measure(&file, (scale.time / ROUNDS).as_secs_f64()) {
                Ok(measured) => micros.push(measured),
                // The others are still worth measuring.
                Err(error) => *found = Err(Row::absent(peer.what(), format!("it failed: {error:#}"))),
            }
        }
    }
    let (native, called, together) = contest.micros();
    let row = |what: String, micros| Row::new(what, micros, "µs").beside("Catena", together);
    let mut rows = vec![
        Row::new("Catena: a chain of five, 64 messages at a time", together, "µs"),
        row("native Rust functions over one `serde_json` value".to_owned(), native),
        row("bare wasmtime: five component calls, by value".to_owned(), called),
    ];
    rows.extend(peers.into_iter().map(|found| match found {
        Ok((peer, micros)) => row(peer.what(), median(micros)).note(peer.note()),
        Err(absent) => absent,
    }));
    Ok(rows)
}
