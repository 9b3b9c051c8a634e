//! The engine and what lives as long as it: the ticker, the host's functions, the code cache.

mod config;
mod ticker;

#[cfg(test)]
mod tests;

use std::{path::PathBuf, sync::atomic::AtomicUsize};

use wasmtime::{Engine, component::Linker};

use crate::{Error, cache::Cache, host::Host};

pub(crate) use config::STACK_BYTES_MAX;
pub(crate) use ticker::Ticker;

/// How large the runtime may get and where it keeps compiled code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The data folder: compiled code is kept in `code/` below it, the key that seals it in `code.key`.
    /// `None` keeps no code.
    pub data_dir: Option<PathBuf>,
    /// Instances alive at once, over all steps of all generations. Each reserves some 8 GiB of
    /// address space, not memory.
    pub instances_max: u32,
    /// Linear memory of one instance at most, whatever a step allows, in bytes.
    pub memory_bytes_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { data_dir: None, instances_max: 512, memory_bytes_max: 64 << 20 }
    }
}

/// Runs bundles. One per process; share it in an `Arc`.
pub struct Runtime {
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<Host>,
    pub(crate) ticker: Ticker,
    pub(crate) cache: Option<Cache>,
    pub(crate) memory_bytes_max: usize,
    pub(crate) instances_max: u32,
    /// Instances started so far.
    pub(crate) started: AtomicUsize,
}

impl Runtime {
    /// Sets up the engine, starts its ticker thread and opens the code cache.
    ///
    /// # Errors
    /// [`Error::Engine`] when the machine cannot give what `options` ask for,
    /// [`Error::CodeFolder`] and [`Error::Key`] when the code cache cannot be set up.
    pub fn new(options: Options) -> Result<Self, Error> {
        let engine = Engine::new(&config::config(&options)).map_err(|e| engine_error(&e))?;
        let linker = crate::host::linker(&engine).map_err(|e| engine_error(&e))?;
        let cache = options.data_dir.as_deref().map(|dir| Cache::open(dir, &engine)).transpose()?;
        let ticker = Ticker::start(engine.clone())
            .map_err(|e| Error::Engine { reason: format!("failed to start its ticker thread: {e}") })?;
        let Options { instances_max, memory_bytes_max, .. } = options;
        Ok(Self {
            engine,
            linker,
            ticker,
            cache,
            memory_bytes_max,
            instances_max,
            started: AtomicUsize::new(0),
        })
    }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").field("memory_bytes_max", &self.memory_bytes_max).finish_non_exhaustive()
    }
}

fn engine_error(error: &wasmtime::Error) -> Error {
    Error::Engine { reason: format!("{error:#}") }
}
