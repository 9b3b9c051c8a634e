//! `outputs`: messages beside the one at work. A refusal is an answer, the guest may go on.

use model::Emission;
use wasmtime::{StoreContextMut, component::Linker};

use super::Host;
use crate::interface;

/// Output, kind, key and body.
type Emit = (String, String, String, Vec<u8>);

pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.instance(&interface::full_name("outputs"))?.func_wrap("emit", emit)
}

fn emit(mut store: StoreContextMut<'_, Host>, emission: Emit) -> wasmtime::Result<(Result<(), String>,)> {
    Ok((store.data_mut().emit(emission),))
}

impl Host {
    fn emit(&mut self, (output, kind, key, body): Emit) -> Result<(), String> {
        if !self.step.outputs.contains(&output) {
            return Err(format!("this step may not emit to `{output}`: add `output:{output}` to its grants"));
        }
        self.subject.budget.emit(kind.len() + key.len() + body.len())?;
        let key = if key.is_empty() { self.message_key().to_owned() } else { key };
        self.subject.call.emissions.push(Emission { output, kind, key, body: body.into() });
        Ok(())
    }
}
