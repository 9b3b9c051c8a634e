//! `log`: lines of a guest as structured events. The chain is in the span around the call.

use wasmtime::{
    StoreContextMut,
    component::{Linker, WasmStr},
};

use super::{Host, budget::Line};
use crate::{abi::Level, interface};

/// Bytes of one line at most; the rest is cut off.
const LINE_BYTES_MAX: usize = 4 << 10;

pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.instance(&interface::full_name("log"))?.func_wrap("write", write)
}

fn write(mut store: StoreContextMut<'_, Host>, (level, text): (Level, WasmStr)) -> wasmtime::Result<()> {
    let line = store.data_mut().subject.budget.log();
    if line == Line::Drop {
        return Ok(());
    }
    let text = text.to_str(&store)?;
    let text = text.get(..text.floor_char_boundary(LINE_BYTES_MAX)).unwrap_or_default();
    store.data().log(level, text);
    if line == Line::Last {
        store.data().log(Level::Warn, "further lines of this call are dropped");
    }
    if matches!(level, Level::Error) {
        let words = text.to_owned();
        store.data_mut().last_words = words;
    }
    Ok(())
}

impl Host {
    fn log(&self, level: Level, text: &str) {
        macro_rules! event {
            ($level:ident) => {
                tracing::$level!(
                    target: "catena::guest",
                    step = self.step.name,
                    bundle = self.step.bundle,
                    message_id = self.message_id(),
                    attempt = self.subject.call.attempt,
                    "{text}"
                )
            };
        }
        match level {
            Level::Debug => event!(debug),
            Level::Info => event!(info),
            Level::Warn => event!(warn),
            Level::Error => event!(error),
        }
    }
}
