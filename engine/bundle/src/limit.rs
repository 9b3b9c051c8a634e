//! What one instance may hold: all its memories together, its tables and core instances.
//!
//! wasmtime's own `StoreLimits` bounds each memory by itself; a component may bring several.

use thiserror::Error;
use wasmtime::ResourceLimiter;

/// Core instances in one bundle: the module itself and the shims that tie it to its imports.
pub(crate) const CORE_INSTANCES_MAX: u32 = 8;
/// Memories in one bundle.
pub(crate) const MEMORIES_MAX: u32 = 2;
/// Tables in one bundle.
pub(crate) const TABLES_MAX: u32 = 4;
/// Elements in one table.
pub(crate) const TABLE_ELEMENTS_MAX: usize = 20_000;

/// The guest asked for more than it may have. It traps there and then: a guest that went on after a
/// refused `memory.grow` would only fail somewhere less telling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum Exceeded {
    #[error("the processor asked for {asked_mib} MiB of memory, its limit is {max_mib} MiB", asked_mib = bytes.div_ceil(1 << 20), max_mib = bytes_max >> 20)]
    Memory { bytes: usize, bytes_max: usize },
    #[error("the processor asked for a table of {elements} elements, the limit is {TABLE_ELEMENTS_MAX}")]
    Table { elements: usize },
}

/// Sums the linear memories of one store.
#[derive(Debug)]
pub(crate) struct Limiter {
    bytes: usize,
    bytes_max: usize,
}

impl Limiter {
    /// An empty store that may grow to `bytes_max`.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes: 0, bytes_max }
    }

    /// Whether half of it is taken.
    pub(crate) fn half_full(&self) -> bool {
        self.bytes >= self.bytes_max / 2
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if let Some(bytes_max) = maximum.filter(|maximum| desired > *maximum) {
            return Err(Exceeded::Memory { bytes: desired, bytes_max }.into());
        }
        let bytes = self.bytes.saturating_sub(current).saturating_add(desired);
        if bytes > self.bytes_max {
            return Err(Exceeded::Memory { bytes, bytes_max: self.bytes_max }.into());
        }
        self.bytes = bytes;
        Ok(true)
    }

    /// Allowed here, refused below: the system is short of memory.
    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(error)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        if desired > TABLE_ELEMENTS_MAX {
            return Err(Exceeded::Table { elements: desired }.into());
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        CORE_INSTANCES_MAX as usize
    }

    fn tables(&self) -> usize {
        TABLES_MAX as usize
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn memories_of_one_store_are_counted_together() {
        let mut limiter = Limiter::new(4 * MIB);
        assert!(limiter.memory_growing(0, 2 * MIB, None).unwrap());
        assert!(limiter.memory_growing(0, MIB, None).unwrap());
        assert!(limiter.memory_growing(MIB, 2 * MIB, None).unwrap());
        let refused = limiter.memory_growing(2 * MIB, 3 * MIB, None).unwrap_err();
        assert_eq!(refused.to_string(), "the processor asked for 5 MiB of memory, its limit is 4 MiB");
    }
}
