//! WebAssembly bundles: load, check, compile, cache, pool and call.
//!
//! The only crate that links wasmtime. Above it nobody sees wasm: a [`Library`] is a
//! [`model::Catalog`], and what it resolves is a [`model::Processor`].
//!
//! ```text
//! file ─ inspect ─▶ Info ─ Library ─▶ compiled (or from the code cache) ─▶ pool of instances, one per step
//! ```
//!
//! What bounds it: files of 16 MiB, a fixed pool of instances ([`Options::instances_max`]), one
//! limit on all memories of an instance, an epoch deadline and a stack limit on every call, and
//! budgets on what one call may log, emit and remember (`host`).
//!
//! Deliberately absent: async calls (a step blocks its lane for at most its deadline), Winch, gc,
//! threads, fuel, WASI with anything behind it, and loading code that this engine did not compile.
//! Compiling happens in this process: the size of a file and of each function bound it, nothing else does.

mod abi;
mod cache;
mod error;
mod fault;
mod host;
mod inspect;
mod instance;
mod interface;
mod library;
mod limit;
pub mod metric;
pub mod package;
mod pool;
mod prepare;
mod runtime;

#[cfg(test)]
mod guest;

pub use error::Error;
pub use inspect::{FILE_BYTES_MAX, Info, World, inspect};
pub use library::{File, Library, Rejected, Snapshot};
pub use package::Metadata;
pub use runtime::{Options, Runtime};
