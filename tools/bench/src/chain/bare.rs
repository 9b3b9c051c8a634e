//! The floor: the same components called through wasmtime's own typed API, with nothing between.
//!
//! Same engine settings as `bundle` where they cost anything (pooling, epochs, NaN bits), one instance for
//! each step, kept; no pool, no limiter, no path, no budgets, no state.

use anyhow::{Context as _, anyhow};
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store,
    component::{Component, ComponentType, InstancePre, Lift, Linker, Lower, TypedFunc},
};

#[derive(ComponentType, Lower, Clone, Copy)]
#[component(record)]
struct Message<'a> {
    id: &'a str,
    kind: &'a str,
    key: &'a str,
    headers: &'a [(String, String)],
    body: &'a [u8],
}

#[derive(ComponentType, Lift)]
#[component(variant)]
enum Verdict {
    #[component(name = "next")]
    Next,
    #[component(name = "term")]
    Term(#[expect(dead_code, reason = "its lifting is part of the cost")] String),
    #[component(name = "jump")]
    Jump(#[expect(dead_code, reason = "its lifting is part of the cost")] String),
}

#[derive(ComponentType, Lift)]
#[component(record)]
struct Outcome {
    verdict: Verdict,
    body: Option<Vec<u8>>,
    headers: Option<Vec<(String, String)>>,
}

#[derive(ComponentType, Lift)]
#[component(variant)]
enum Failure {
    #[component(name = "retry")]
    Retry(String),
    #[component(name = "reject")]
    Reject(String),
}

type Process = TypedFunc<(Message<'static>,), (Result<Outcome, Failure>,)>;

/// The settings of `bundle` that cost anything, with room for a chain of bare calls and its floor; no more, since valgrind has little
/// address space.
pub(crate) fn config() -> Config {
    let mut config = Config::new();
    let mut pooling = PoolingAllocationConfig::default();
    pooling.total_component_instances(8).total_core_instances(64).total_memories(12).total_tables(32);
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pooling))
        .epoch_interruption(true)
        .cranelift_nan_canonicalization(true);
    config
}

/// An engine with these.
pub(crate) fn engine() -> anyhow::Result<Engine> {
    Engine::new(&config()).map_err(|e| anyhow!("{e:#}"))
}

/// A component compiled and linked, ready to start instances.
pub(crate) struct Linked(InstancePre<()>);

impl Linked {
    /// Compiles `component`.
    pub(crate) fn new(engine: &Engine, component: &[u8]) -> anyhow::Result<Self> {
        let component = Component::new(engine, component).map_err(|e| anyhow!("{e:#}"))?;
        let mut linker = Linker::new(engine);
        let mut settings =
            linker.instance("catena:processor/settings@1.0.0").map_err(|e| anyhow!("{e:#}"))?;
        settings.func_wrap("get", |_, ()| Ok(("{}".to_owned(),))).map_err(|e| anyhow!("{e:#}"))?;
        linker.define_unknown_imports_as_traps(&component).map_err(|e| anyhow!("{e:#}"))?;
        Ok(Self(linker.instantiate_pre(&component).map_err(|e| anyhow!("{e:#}"))?))
    }

    fn start(&self) -> wasmtime::Result<(Store<()>, Process)> {
        let mut store = Store::new(self.0.engine(), ());
        store.set_epoch_deadline(u64::MAX / 2);
        let instance = self.0.instantiate(&mut store)?;
        let process = instance.get_typed_func(&mut store, "process")?;
        Ok((store, process))
    }
}

/// As many instances of one component as the chain has steps.
pub(crate) struct Bare {
    steps: Vec<(Store<()>, Process)>,
}

impl Bare {
    /// Instantiates `component` for each of `steps`.
    pub(crate) fn new(engine: &Engine, component: &[u8], steps: usize) -> anyhow::Result<Self> {
        Self::of(&Linked::new(engine, component)?, steps)
    }

    /// Starts an instance for each of `steps`.
    pub(crate) fn of(linked: &Linked, steps: usize) -> anyhow::Result<Self> {
        let steps = (0..steps).map(|_| linked.start()).collect::<wasmtime::Result<_>>();
        Ok(Self { steps: steps.map_err(|e| anyhow!("{e:#}"))? })
    }

    /// Calls each step once, handing on what it changed.
    pub(crate) fn run(&mut self, message: &model::Message) -> anyhow::Result<usize> {
        let mut body = None;
        let mut headers = None;
        for (store, process) in &mut self.steps {
            let given = Message {
                id: &message.id,
                kind: &message.kind,
                key: &message.key,
                headers: headers.as_deref().unwrap_or(&message.headers.0),
                body: body.as_deref().unwrap_or(&message.body),
            };
            let (answer,) = process.call(&mut *store, (given,)).map_err(|e| anyhow!("{e:#}"))?;
            let outcome = match answer {
                Ok(outcome) => outcome,
                Err(Failure::Retry(reason) | Failure::Reject(reason)) => return Err(anyhow!(reason)),
            };
            body = outcome.body.or(body);
            headers = outcome.headers.or(headers);
            if !matches!(outcome.verdict, Verdict::Next) {
                return Err(anyhow!("the guest did not answer `next`")).context("bare call");
            }
        }
        Ok(body.map_or(message.body.len(), |b| b.len()))
    }
}
