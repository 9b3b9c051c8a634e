use std::{path::PathBuf, sync::Arc, time::Duration};

use bus::{Bus, Placement};
use store::Store;

use crate::{Bundles, Router};

/// What the center stands on.
#[derive(Clone)]
pub struct Parts {
    /// Where messages come from and go to.
    pub bus: Arc<dyn Bus>,
    /// Processor state, ledgers, lane state and receipts; opened with [`TABLES`](crate::TABLES).
    pub store: Arc<dyn Store>,
    /// Turns files into processors.
    pub bundles: Arc<dyn Bundles>,
    /// Says where messages go.
    pub router: Arc<dyn Router>,
    /// Says which partitions are worked on here; [`bus::Everything`] for one process alone.
    pub placement: Arc<dyn Placement>,
}

/// How the center works. [`Options::new`] has the defaults; every queue's bound is here.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder of chain files.
    pub chains_dir: PathBuf,
    /// The folder of bundles.
    pub bundles_dir: PathBuf,
    /// Threads that run chains. Default: one for each core.
    pub workers: usize,
    /// How changes in them are noticed.
    pub watch: Watch,
    /// When a changed file may be read.
    pub quiet: Quiet,
    /// Messages that one lane takes at a time at most; fewer where they take long. Default 1000, which is what a bus
    /// over JetStream stores at once.
    pub batch_max: usize,
    /// Messages that wait in one lane for a retry, their own or that of an earlier one of their key. When it
    /// is reached the lane takes nothing new until one of them ends. Default 512.
    pub held_max: usize,
    /// Bytes of those messages, past which the lane takes nothing new either. Default 16 MiB.
    pub held_bytes_max: usize,
    /// Pauses between attempts at one message. Default 50 ms, doubling up to 2 s.
    pub retry: Backoff,
    /// How long a message waits, past its attempts, for a place where it can go: a map that this process is yet to hear of may have
    /// one. Default 30 s.
    pub routing_patience: Duration,
    /// Pauses before a failed lane starts again, and before what the bus or store refused for now is
    /// offered again. Default 50 ms, doubling up to 5 s.
    pub restart: Backoff,
    /// How long a receipt waits for the old generation, and a closing lane for its retries, before
    /// what is left is given back to the bus. Default 10 s.
    pub drain_max: Duration,
    /// Partitions of a stream that a chain's outputs name and that does not exist yet. Default 4.
    pub partitions: u32,
    /// Whether a partition's state is kept on the bus too, so that another process can take the partition over.
    /// For a fleet; default off.
    pub changelog: bool,
    /// Records of a partition's changelog past which all rows are written anew, and what is before them is removed.
    /// Default 10,000.
    pub changelog_records_max: u64,
    /// Messages kept of such a stream, per partition, beyond those that some reader has still to settle; and dead letters
    /// kept. Default 1,000,000.
    pub outputs_retain_messages: u64,
    /// A bug to plant, so that a test can be seen to catch it.
    #[doc(hidden)]
    pub fault: Option<Fault>,
}

impl Options {
    /// The defaults, over these folders.
    #[must_use]
    pub fn new(chains_dir: impl Into<PathBuf>, bundles_dir: impl Into<PathBuf>) -> Self {
        Self {
            chains_dir: chains_dir.into(),
            bundles_dir: bundles_dir.into(),
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            watch: Watch::default(),
            quiet: Quiet::default(),
            batch_max: 1000,
            held_max: 512,
            held_bytes_max: 16 << 20,
            retry: Backoff { first: Duration::from_millis(50), max: Duration::from_secs(2) },
            routing_patience: Duration::from_secs(30),
            restart: Backoff { first: Duration::from_millis(50), max: Duration::from_secs(5) },
            drain_max: Duration::from_secs(10),
            partitions: 4,
            changelog: false,
            changelog_records_max: 10_000,
            outputs_retain_messages: 1_000_000,
            fault: None,
        }
    }
}

/// How changes in the folders are noticed. Either way, what a file holds decides, not that something happened to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// The operating system's events, and a full scan at this interval for those that get lost.
    Events(Duration),
    /// Nothing but a full scan at this interval: for network disks, which report no events.
    Poll(Duration),
}

impl Watch {
    /// Time between full scans.
    #[must_use]
    pub fn interval(self) -> Duration {
        match self {
            Self::Events(interval) | Self::Poll(interval) => interval,
        }
    }
}

impl Default for Watch {
    fn default() -> Self {
        Self::Events(Duration::from_secs(5))
    }
}

/// How long a changed file must be left alone before it is read. No format can tell that a file is
/// cut short (ADR 8), so the manner of writing decides how patient to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quiet {
    /// After its writer closed it, or it was renamed into place. Default 30 ms.
    pub closed: Duration,
    /// After a change whose writer cannot be told to have finished: found by a scan, linked into place, or
    /// closed with contents that look like a part of something. Default 1 s.
    pub doubtful: Duration,
    /// After a write by somebody who still has it open. Default 3 s.
    pub open: Duration,
    /// How long it must have been away to count as removed; several tools delete and recreate. Default 500 ms.
    pub absent: Duration,
}

impl Default for Quiet {
    fn default() -> Self {
        Self {
            closed: Duration::from_millis(30),
            doubtful: Duration::from_secs(1),
            open: Duration::from_secs(3),
            absent: Duration::from_millis(500),
        }
    }
}

/// Pauses that double.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The first pause.
    pub first: Duration,
    /// The longest pause.
    pub max: Duration,
}

impl Backoff {
    /// The pause after failure number `failures`, from 1.
    #[must_use]
    pub fn pause(self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(20);
        self.first.saturating_mul(1 << doublings).min(self.max)
    }
}

/// Bugs that can be planted.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Every step looks up the plan that is live just then, instead of keeping the one the message began under.
    NoGenerationPin,
    /// Lanes acknowledge what they have read before its effects are anywhere.
    AcknowledgeFirst,
    /// Lanes commit wherever the changelog ends just then, whoever has appended to it.
    CommitUnfenced,
    /// Lanes do not keep the ids of what had its effects, though the bus forgets them.
    ForgetIds,
    /// What a message makes gets another id each time.
    RandomIds,
    /// Lanes believe that the bus knows the ids of all that they ever published.
    TrustIds,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let backoff = Backoff { first: Duration::from_millis(50), max: Duration::from_secs(2) };
        let pauses: Vec<_> = (1..=8).map(|n| backoff.pause(n).as_millis()).collect();
        assert_eq!(pauses, [50, 100, 200, 400, 800, 1600, 2000, 2000]);
        assert_eq!(backoff.pause(u32::MAX), backoff.max);
    }
}
