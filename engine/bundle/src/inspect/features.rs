use wasmparser::WasmFeatures;

/// What a bundle may use of WebAssembly: what the engine has switched on, no more. A test in
/// `runtime` compares the two.
pub(crate) const FEATURES: WasmFeatures = WasmFeatures::WASM2
    .union(WasmFeatures::FLOATS)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::COMPONENT_MODEL);
