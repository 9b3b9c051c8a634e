use std::path::PathBuf;

use model::{BundleRef, Digest, Name};
use serde::{Deserialize, Serialize};

use crate::{RefusedFile, Tally, receipt::Mistake};

/// One step of a live plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepStatus {
    /// Its id in the chain.
    pub id: Name,
    /// The bundle that runs there.
    pub bundle: Name,
    /// Its version.
    pub version: semver::Version,
    /// Its digest.
    pub digest: Digest,
}

impl StepStatus {
    pub(crate) fn of(plan: &chain::Plan) -> Vec<Self> {
        let status = |step: &chain::Step| {
            let BundleRef { name, version, digest } = step.bundle.clone();
            Self { id: step.id.clone(), bundle: name, version, digest }
        };
        plan.steps.iter().map(status).collect()
    }
}

/// One chain, as it runs now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainStatus {
    /// Its name.
    pub id: Name,
    /// The generation that runs; `None` when none does, its file being refused.
    pub generation: Option<u64>,
    /// Its file.
    pub path: PathBuf,
    /// The stream it reads.
    pub input: Option<Name>,
    /// The output its last step leads to.
    pub output: Option<Name>,
    /// Its steps.
    pub steps: Vec<StepStatus>,
    /// The messages of this generation so far.
    pub messages: Tally,
    /// Its lanes, by partition.
    pub lanes: Vec<LaneStatus>,
    /// Why the file as it stands now does not run, when it does not.
    pub refused: Option<RefusalStatus>,
}

impl ChainStatus {
    /// A chain of which nothing else is known.
    pub(crate) fn of(id: Name) -> Self {
        Self {
            id,
            generation: None,
            path: PathBuf::new(),
            input: None,
            output: None,
            steps: Vec::new(),
            messages: Tally::default(),
            lanes: Vec::new(),
            refused: None,
        }
    }
}

/// Why the newest state of a chain file does not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusalStatus {
    /// When it was refused, milliseconds since 1970.
    pub at_ms: u64,
    /// What is wrong.
    pub faults: Vec<Mistake>,
    /// The same for people.
    pub report: String,
}

/// One lane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneStatus {
    /// The input partition.
    pub partition: u32,
    /// Stored messages that the lane has not settled, as of its last look.
    pub lag: u64,
    /// Of these, those in hand.
    pub in_flight: u64,
    /// Of these, those that wait for a retry, their own or that of an earlier message of their key.
    pub parked: u64,
    /// Why the lane stopped, under `on_failure = "halt"`. It goes on after a reload of the chain or a restart.
    pub halted: Option<String>,
    /// Why the lane is being started again, when bus or store failed it.
    pub failing: Option<String>,
}

/// One generation that is in memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenerationStatus {
    /// Its number.
    pub generation: u64,
    /// Its chain.
    pub chain: Name,
    /// Whether new messages begin under it; otherwise it ends with its last message.
    pub current: bool,
    /// When it went live, milliseconds since 1970.
    pub since_ms: u64,
    /// Its messages so far.
    pub messages: Tally,
    /// Its steps.
    pub steps: Vec<StepStatus>,
}

/// The folder of bundles.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundlesStatus {
    /// What can be used.
    pub present: Vec<BundleRef>,
    /// What cannot.
    pub refused: Vec<RefusedFile>,
}

/// A watched folder that cannot be read. What runs stays, and changes are taken up once it is back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwayFolder {
    /// The folder.
    pub path: PathBuf,
    /// What the operating system says.
    pub reason: String,
}
