use wasmtime::{
    Config, Enabled, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, Strategy,
    WasmBacktraceDetails,
};

use super::Options;
use crate::limit::{CORE_INSTANCES_MAX, MEMORIES_MAX, TABLE_ELEMENTS_MAX, TABLES_MAX};

/// Native stack one call may use. Threads that call processors have at least 2 MiB.
pub(crate) const STACK_BYTES_MAX: usize = 512 << 10;

/// Of what an ended instance wrote, bytes of each memory and table that stay in this process's memory for the next one.
pub(super) const KEPT_BYTES_MAX: usize = 256 << 10;

/// The engine's settings. What is not named keeps wasmtime's default on purpose: memory
/// reservations, guard pages, copy-on-write and signal-based traps are its defence in depth.
pub(super) fn config(options: &Options) -> Config {
    let mut config = Config::new();
    config
        // Calls are synchronous; component-model async would be surface without use.
        .concurrency_support(false)
        // Deadlines: compiled code looks at the epoch, the ticker advances it.
        .epoch_interruption(true)
        .max_wasm_stack(STACK_BYTES_MAX)
        // The same bits on redelivery and on another machine.
        .cranelift_nan_canonicalization(true)
        .strategy(Strategy::Cranelift)
        .cranelift_opt_level(OptLevel::Speed)
        // Off even where a later wasmtime switches them on by default.
        .wasm_gc(false)
        .gc_support(false)
        .wasm_stack_switching(false)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_relaxed_simd(false)
        .wasm_wide_arithmetic(false)
        .wasm_custom_page_sizes(false)
        // Function names are enough, and a guest's debug information is its own to forge.
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool(options)));
    config
}

/// A hard ceiling on everything all bundles together may hold.
fn pool(options: &Options) -> PoolingAllocationConfig {
    let total = options.instances_max;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(total)
        .total_core_instances(total.saturating_mul(CORE_INSTANCES_MAX))
        .total_memories(total.saturating_mul(MEMORIES_MAX))
        .total_tables(total.saturating_mul(TABLES_MAX))
        .max_core_instances_per_component(CORE_INSTANCES_MAX)
        .max_memories_per_component(MEMORIES_MAX)
        .max_tables_per_component(TABLES_MAX)
        .max_memories_per_module(1)
        .max_memory_size(options.memory_bytes_max)
        .table_elements(TABLE_ELEMENTS_MAX);
    // Where Linux can say which pages were written, those few are set back by hand: an instance starts and ends in half the time,
    // since its pages need not be given back and faulted in again. Elsewhere wasmtime would set back the first pages, written or
    // not, which costs more than it brings: guests have their stack there. docs/performance.md has the figures.
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        pool.pagemap_scan(Enabled::Yes)
            .linear_memory_keep_resident(KEPT_BYTES_MAX)
            .table_keep_resident(KEPT_BYTES_MAX);
    }
    pool
}
