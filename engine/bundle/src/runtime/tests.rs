use std::{collections::BTreeSet, sync::Arc, time::Duration};

use model::Catalog as _;
use wasmtime::{Enabled, PoolingAllocationConfig};

use super::*;
use crate::{Library, guest, inspect::FEATURES, limit};

#[test]
fn the_settings_that_matter_hold() {
    let runtime = guest::runtime();
    let config = &runtime.engine;
    assert!(!config.get_concurrency_support());
    assert!(config.get_epoch_interruption());
    assert_eq!(config.get_cranelift_nan_canonicalization(), Some(true));
    assert_eq!(config.get_max_wasm_stack(), STACK_BYTES_MAX);
    assert!(config.get_signals_based_traps() && config.get_guard_before_linear_memory());
    assert!(config.get_memory_init_cow());
    assert!(!config.get_shared_memory() && !config.get_debug_info());

    let pool = config.get_pooling_config().expect("instances are pooled");
    assert_eq!(pool.get_max_memory_size(), 64 << 20);
    assert_eq!(pool.get_table_elements(), limit::TABLE_ELEMENTS_MAX);
    let totals = (
        pool.get_total_component_instances(),
        pool.get_total_core_instances(),
        pool.get_total_memories(),
        pool.get_total_tables(),
    );
    assert_eq!(totals, (64, 64 * 8, 64 * 2, 64 * 4));
    // Memory that stays is memory that was written: never the first pages of everything.
    let scans = PoolingAllocationConfig::is_pagemap_scan_available();
    let kept = if scans { config::KEPT_BYTES_MAX } else { 0 };
    assert_eq!((pool.get_memory_keep_resident(), pool.get_table_keep_resident()), (kept, kept));
    assert_eq!(matches!(pool.get_pagemap_scan(), Enabled::Yes), scans);
}

#[test]
fn inspection_lets_through_what_the_engine_runs_and_no_more() {
    let engine: BTreeSet<&str> =
        guest::runtime().engine.get_wasm_features().iter_names().map(|(name, _)| name).collect();
    let inspection: BTreeSet<&str> = FEATURES.iter_names().map(|(name, _)| name).collect();
    // The engine can only be told to refuse these where its garbage collector is built in.
    assert_eq!(engine.difference(&inspection).copied().collect::<Vec<_>>(), ["FUNCTION_REFERENCES"]);
    assert!(inspection.is_subset(&engine), "{inspection:?}");
    for off in ["GC", "THREADS", "EXCEPTIONS", "MEMORY64", "MULTI_MEMORY", "RELAXED_SIMD", "CM_ASYNC"] {
        assert!(!engine.contains(off), "{off} is on");
    }
}

#[test]
fn the_ticker_advances_and_stops_with_its_owner() {
    let ticker = Ticker::start(Engine::default()).unwrap();
    while ticker.millis() < 3 {
        std::thread::yield_now();
    }
    drop(ticker); // Joins: a thread that did not stop would hang the test.
    assert_eq!(Ticker::ticks(Duration::from_millis(20)), 21);
    assert_eq!(Ticker::ticks(Duration::from_micros(1)), 2);
}

#[test]
fn damaged_code_is_compiled_and_written_anew() {
    let data = tempfile::tempdir().unwrap();
    let options = Options { data_dir: Some(data.path().to_owned()), instances_max: 2, ..Options::default() };
    let resolve = || {
        let library = Library::new(Arc::new(Runtime::new(options.clone()).unwrap()));
        library.replace(vec![guest::Guest::default().file()]);
        library.resolve(&guest::wanted("guest")).unwrap();
    };
    let entry = || {
        let files: Vec<_> = std::fs::read_dir(data.path().join("code")).unwrap().flatten().collect();
        assert_eq!(files.len(), 1);
        files[0].path()
    };
    resolve();
    let whole = std::fs::read(entry()).unwrap();
    std::fs::write(entry(), b"half a file").unwrap();
    resolve();
    assert_eq!(std::fs::read(entry()).unwrap().len(), whole.len());
}

#[test]
fn the_default_runtime_starts() {
    Runtime::new(Options::default()).expect("the defaults suit this machine");
}
