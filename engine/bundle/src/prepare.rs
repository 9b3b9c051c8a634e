//! Compiles a bundle, or takes its code from the cache, and links it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use model::Digest;
use wasmtime::component::{Component, ComponentExportIndex, InstancePre};

use crate::{Info, Runtime, World, host::Host, metric};

/// Where messages are handed over, as the bundle's world says.
#[derive(Clone, Copy)]
pub(crate) enum Entry {
    /// By value, one at a time.
    One(ComponentExportIndex),
    /// Many at a time, in two flat lists; and where it says what it reads.
    Batch { process: ComponentExportIndex, reads: ComponentExportIndex },
}

/// A bundle compiled and linked: instances start from it in microseconds.
pub(crate) struct Prepared {
    pub(crate) pre: InstancePre<Host>,
    pub(crate) process: Entry,
    pub(crate) configure: Option<ComponentExportIndex>,
}

impl Prepared {
    /// Takes as long as compiling takes. The error is a sentence for people; the same bytes fail again.
    pub(crate) fn new(runtime: &Runtime, info: &Info, bytes: &[u8]) -> Result<Self, String> {
        let component = compiled(runtime, &info.digest, bytes)?;
        let export = |name| component.get_export_index(None, name).ok_or(format!("it exports no `{name}`"));
        let process = match info.world {
            World::Plain | World::Configurable => Entry::One(export("process")?),
            World::Batch => Entry::Batch { process: export("process-batch")?, reads: export("reads")? },
        };
        let configure = match info.world {
            World::Plain => None,
            World::Configurable | World::Batch => Some(export("configure")?),
        };
        let pre = link(runtime, &component)
            .map_err(|e| format!("{e:#}; build it again with the `catena build` of this release"))?;
        Ok(Self { pre, process, configure })
    }

    /// Whether one call may bring several messages.
    pub(crate) fn takes_batches(&self) -> bool {
        matches!(self.process, Entry::Batch { .. })
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
