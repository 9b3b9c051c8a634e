//! `state`: entries by bundle name and message key, buffered in the call's scope.

use bytes::Bytes;
use wasmtime::{
    StoreContextMut,
    component::{Linker, WasmStr},
};

use super::{Failed, Host};
use crate::interface;

pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    let mut state = linker.instance(&interface::full_name("state"))?;
    state.func_wrap("get", get)?;
    state.func_wrap("set", set)?;
    state.func_wrap("remove", remove)
}

fn get(store: StoreContextMut<'_, Host>, (name,): (WasmStr,)) -> wasmtime::Result<(Option<Vec<u8>>,)> {
    let name = name.to_str(&store)?;
    let host = store.data();
    let state = &host.subject.call.state;
    let value = state.get(&host.step.processor, host.message_key(), &name).map_err(Failed::from)?;
    Ok((value.map(Vec::from),))
}

fn set(store: StoreContextMut<'_, Host>, (name, value): (String, Vec<u8>)) -> wasmtime::Result<()> {
    write(store, &name, Some(value.into()))
}

fn remove(store: StoreContextMut<'_, Host>, (name,): (String,)) -> wasmtime::Result<()> {
    write(store, &name, None)
}

fn write(mut store: StoreContextMut<'_, Host>, name: &str, value: Option<Bytes>) -> wasmtime::Result<()> {
    let host = store.data_mut();
    host.subject.budget.write_state(name.len() + value.as_ref().map_or(0, Bytes::len))?;
    let key = host.message_key().to_owned();
    host.subject.call.state.set(&host.step.processor, &key, name, value).map_err(Failed::from)?;
    Ok(())
}
