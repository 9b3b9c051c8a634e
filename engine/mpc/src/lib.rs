//! The message processor center: live plans, reload, lanes, dead letters.
//!
//! A *lane*, one for each chain and input partition, takes a batch, pins every message to the plan that is
//! live at that moment, runs the steps and settles in one order: outputs published and acknowledged → state
//! and ledger committed → input acknowledged. The *reloader* watches the folders of chains and bundles and
//! swaps the whole [table](Center::chains) of live plans at once; each swap leaves a [`Receipt`].
//!
//! The rest of the engine meets this crate at three seams: [`Router`] says where messages go, [`Bundles`]
//! turns files into processors, and [`dead`] lists, replays and purges what failed.

mod board;
mod bundles;
mod center;
mod changelog;
pub mod dead;
mod error;
mod generation;
mod history;
mod lane;
mod lanes;
mod meters;
mod metric;
mod options;
mod pin_fault;
pub mod receipt;
mod reload;
mod router;
mod status;
mod streams;
mod table;
mod time;
mod workers;

pub use bundles::{BundleFile, Bundles, Loaded, RefusedFile};
pub use center::Center;
pub use changelog::provision;
pub use dead::{DeadLetter, DeadLetters};
pub use error::{Error, NotReady, Result};
pub use generation::Tally;
pub use options::{Backoff, Fault, Options, Parts, Quiet, Watch};
pub use receipt::Receipt;
pub use router::{Admit, LaneState, Publication, Routed, Router, ToStreams};
pub use status::{
    AwayFolder, BundlesStatus, ChainStatus, GenerationStatus, LaneStatus, RefusalStatus, StepStatus,
};
pub use streams::Streams;

/// The stream of dead letters; it has one partition.
pub const DEAD_LETTERS: &str = "dead-letters";

/// The tables of the store that [`Parts::store`] is opened with.
pub const TABLES: &[store::Table] =
    &["state", "ledger", "lane", "seen", "seen-order", "changelog", "receipts", "dead-letters"];

/// On every output message: the number of the generation that produced it.
pub const GENERATION_HEADER: &str = "catena-generation";

/// On every output message: the steps it went through, `validate@1.0.0,spam@1.2.0`: step ids, and the version of
/// the bundle that ran there.
pub const TRACE_HEADER: &str = "catena-trace";

/// On a replayed dead letter: the id of the original message. A lane gives the message that id back before
/// anything looks at it.
pub const REPLAY_HEADER: &str = "catena-replay-of";
