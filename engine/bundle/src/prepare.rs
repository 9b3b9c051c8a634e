//! Compiles a bundle, or takes its code from the cache, and links it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use model::Digest;
use wasmtime::component::{Component, ComponentExportIndex, InstancePre};

use crate::{Info, Runtime, host::Host, metric};

/// A bundle compiled and linked: instances start from it in microseconds.
pub(crate) struct Prepared {
    pub(crate) pre: InstancePre<Host>,
    pub(crate) process: ComponentExportIndex,
    pub(crate) configure: Option<ComponentExportIndex>,
}

impl Prepared {
    /// Takes as long as compiling takes. The error is a sentence for people; the same bytes fail again.
    pub(crate) fn new(runtime: &Runtime, info: &Info, bytes: &[u8]) -> Result<Self, String> {
        let component = compiled(runtime, &info.digest, bytes)?;
        let process = component.get_export_index(None, "process").ok_or("it exports no `process`")?;
        let configurable = info.world.contains("/configurable-processor@");
        let configure = configurable.then(|| component.get_export_index(None, "configure")).flatten();
        let pre = link(runtime, &component)
            .map_err(|e| format!("{e:#}; build it again with the `catena build` of this release"))?;
        Ok(Self { pre, process, configure })
    }
}

fn compiled(runtime: &Runtime, digest: &Digest, bytes: &[u8]) -> Result<Component, String> {
    if let Some(component) = runtime.cache.as_ref().and_then(|cache| cache.load(&runtime.engine, digest)) {
        return Ok(component);
    }
    // A panic of the compiler is a bug over there; it must not take the running chains with it.
    let component = catch_unwind(AssertUnwindSafe(|| Component::from_binary(&runtime.engine, bytes)))
        .map_err(|_| "the compiler failed on it; please report it with the file".to_owned())?
        .map_err(|e| format!("{e:#}"))?;
    metrics::counter!(metric::COMPILATIONS).increment(1);
    if let Some(cache) = &runtime.cache {
        cache.keep(digest, &component);
    }
    Ok(component)
}

fn link(runtime: &Runtime, component: &Component) -> wasmtime::Result<InstancePre<Host>> {
    let mut linker = runtime.linker.clone();
    crate::host::deny_wasi(&mut linker, &runtime.engine, component)?;
    linker.instantiate_pre(component)
}
