//! WASI as bundles of other toolchains import it, with nothing behind it: present, so that they can
//! be linked, and a clear sentence when one is called.

use wasmtime::{
    Engine,
    component::{Component, Linker, LinkerInstance, ResourceType, types::ComponentItem},
};

use super::{Failed, Host};
use crate::interface;

/// Defines every `wasi:…` import of `component` as a function that ends the call.
pub(crate) fn deny_wasi(
    linker: &mut Linker<Host>,
    engine: &Engine,
    component: &Component,
) -> wasmtime::Result<()> {
    for (name, import) in component.component_type().imports(engine) {
        if !interface::is_wasi(name) {
            continue;
        }
        if let ComponentItem::ComponentInstance(instance) = import.ty {
            let mut linked = linker.instance(name)?;
            for (item, export) in instance.exports(engine) {
                deny(&mut linked, name, item, &export.ty)?;
            }
        }
    }
    Ok(())
}

fn deny(
    linked: &mut LinkerInstance<'_, Host>,
    interface: &str,
    item: &str,
    ty: &ComponentItem,
) -> wasmtime::Result<()> {
    match ty {
        ComponentItem::ComponentFunc(_) => {
            let called = format!(
                "called `{interface}#{item}`, but processors have no WASI: use the catena capabilities"
            );
            linked.func_new(item, move |_, _, _, _| Err(Failed::Misused(called.clone()).into()))
        }
        ComponentItem::Resource(_) => linked.resource(item, ResourceType::host::<()>(), |_, _| Ok(())),
        _ => Ok(()),
    }
}
