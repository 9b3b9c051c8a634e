//! The words of Catena: messages, verdicts, outcomes, and the two seams every layer above agrees on —
//! [`Processor`], the code one step runs, and [`Catalog`], where a chain finds processors.
//!
//! Nothing here does I/O, holds a lock or knows WebAssembly, the bus or the store.

pub mod catalog;
mod codec;
mod digest;
mod fault;
mod message;
mod name;
mod outcome;
mod processor;
mod state;

pub use catalog::{Catalog, Limits, Refusal, Resolved, Wanted};
pub use codec::Malformed;
pub use digest::{Digest, InvalidDigest, derived_id};
pub use fault::{Fault, TrapKind};
pub use message::{Headers, Message};
pub use name::{BundleRef, InvalidName, Name};
pub use outcome::{Emission, Outcome, Verdict};
pub use processor::{Call, Processor};
pub use state::{NoState, Scope, StateError, StateRead, StateWrite};
