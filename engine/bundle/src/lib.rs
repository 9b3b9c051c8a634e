//! WebAssembly bundles: load, check, compile, cache, pool and call.
