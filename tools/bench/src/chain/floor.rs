//! The physical floor of a step: a bare call of a core module, with the message copied into its memory.

use anyhow::{Context as _, anyhow};
use wasmtime::{Engine, Instance, Memory, Module, Store, TypedFunc};

/// Looks at the first byte, so that the copy is not for nothing.
const GUEST: &str = r#"(module
    (memory (export "memory") 2)
    (func (export "process") (param $at i32) (param $bytes i32) (result i32)
      (i32.eqz (i32.load8_u (local.get $at)))))"#;
/// Where a message is put.
const AT: usize = 1024;

/// As many instances as the chain has steps.
pub(crate) struct Floor {
    steps: Vec<Step>,
}

struct Step {
    store: Store<()>,
    memory: Memory,
    process: TypedFunc<(u32, u32), u32>,
}

impl Floor {
    /// Instantiates the module for each of `steps`.
    pub(crate) fn new(engine: &Engine, steps: usize) -> anyhow::Result<Self> {
        let module = Module::new(engine, wat::parse_str(GUEST)?).map_err(|e| anyhow!("{e:#}"))?;
        let step = || {
            let mut store = Store::new(engine, ());
            store.set_epoch_deadline(u64::MAX / 2);
            let instance = Instance::new(&mut store, &module, &[]).map_err(|e| anyhow!("{e:#}"))?;
            let memory = instance.get_memory(&mut store, "memory").context("the module has a memory")?;
            let process = instance.get_typed_func(&mut store, "process").map_err(|e| anyhow!("{e:#}"))?;
            Ok(Step { store, memory, process })
        };
        Ok(Self { steps: (0..steps).map(|_| step()).collect::<anyhow::Result<_>>()? })
    }

    /// Calls each step once.
    pub(crate) fn run(&mut self, message: &model::Message) -> anyhow::Result<()> {
        for Step { store, memory, process } in &mut self.steps {
            memory.write(&mut *store, AT, &message.body)?;
            let length = u32::try_from(message.body.len())?;
            let answer = process.call(&mut *store, (AT as u32, length)).map_err(|e| anyhow!("{e:#}"))?;
            anyhow::ensure!(answer == 0, "the module did not answer `next`");
        }
        Ok(())
    }
}
