//! `batch`: which message of the call the capabilities are about.

use wasmtime::{StoreContextMut, component::Linker};

use super::{Failed, Host};
use crate::interface;

pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.instance(&interface::full_name("batch"))?.func_wrap("at", at)
}

fn at(mut store: StoreContextMut<'_, Host>, (message,): (u32,)) -> wasmtime::Result<()> {
    Ok(store.data_mut().turn_to(message as usize)?)
}

impl Host {
    fn turn_to(&mut self, message: usize) -> Result<(), Failed> {
        if message >= self.count {
            return Err(Failed::Misused(format!("turned to message {message} of {}", self.count)));
        }
        self.exchange();
        self.at = message;
        self.exchange();
        Ok(())
    }
}
