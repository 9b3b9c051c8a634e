//! The words of Catena: messages, verdicts, outcomes, and the two seams every layer above agrees on —
//! [`Processor`], the code one step runs, and [`Catalog`], where a chain finds processors.
//!
//! Beside them stand four things that every layer shows the world alike: an error with its causes ([`chain_of`]) and what to do
//! about one of the file system ([`remedy()`]), the word somebody may have meant ([`near()`]) and the time ([`now_ms`]). Nothing here does I/O, holds a lock or knows WebAssembly, the bus or the store.

mod answers;
pub mod catalog;
mod codec;
mod digest;
mod draft;
mod fault;
mod message;
mod name;
mod near;
mod outcome;
mod processor;
mod remedy;
mod report;
mod sequences;
mod state;
mod time;

pub use answers::{Answer, Answers};
pub use catalog::{Catalog, Limits, Refusal, Resolved, Wanted};
pub use codec::Malformed;
pub use digest::{Digest, InvalidDigest, derived_id};
pub use draft::{Draft, InvalidPointer, NotAnObject, Pointer};
pub use fault::{Fault, TrapKind};
pub use message::{HEADERS_MAX, Headers, Message};
pub use name::{BundleRef, InvalidName, Name};
pub use near::near;
pub use outcome::{Edit, Emission, Outcome, Verdict};
pub use processor::{Call, Processor, Task};
pub use remedy::remedy;
pub use report::chain_of;
pub use sequences::Sequences;
pub use state::{NoState, Scope, StateError, StateRead, StateWrite};
pub use time::now_ms;
