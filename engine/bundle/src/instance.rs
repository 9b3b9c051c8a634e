//! One instance of a bundle, ready to be called again and again by one caller at a time.

use std::{sync::Arc, time::Duration};

use metrics::Gauge;
use model::{Answers, Fault, Outcome, Task};
use wasmtime::{Store, component::TypedFunc};

use crate::{
    abi,
    host::{Host, Step},
    limit::Limiter,
    prepare::{Entry, Prepared},
    runtime::Ticker,
};

/// Bytes a guest may pass to the host in one call, result of `process` included.
pub(crate) const PASSED_BYTES_MAX: usize = 4 << 20;
/// Handles a guest may hold.
const HANDLES_MAX: usize = 1_000;
/// Time to instantiate and to look at the settings; both happen once, before any message.
pub(crate) const START_DEADLINE: Duration = Duration::from_secs(1);

/// [`Entry`], ready to be called.
enum Process {
    One(TypedFunc<abi::Params<'static>, abi::Answer>),
    Batch { process: TypedFunc<abi::BatchParams<'static>, (abi::Answers,)>, reads: abi::Reads },
}

pub(crate) struct Instance {
    store: Store<Host>,
    process: Process,
    /// Nobody else has it between calls.
    batch: Arc<abi::Batch>,
    /// Calls that it is to serve, and has served.
    pub(crate) calls_max: usize,
    pub(crate) calls: usize,
    /// Messages that it has served.
    pub(crate) messages: usize,
    pub(crate) born_ms: u64,
    _live: Live,
}

/// Why an instance did not come to be.
pub(crate) enum NotStarted {
    /// `configure` said no, or `reads` what cannot be.
    Settings(String),
    /// It trapped, or the host is out of instances.
    Failed { error: wasmtime::Error, last_words: String },
}

impl Instance {
    /// Instantiates and lets the bundle look at its settings. It is to serve so many calls.
    pub(crate) fn start(
        prepared: &Prepared,
        step: &Arc<Step>,
        memory_bytes_max: usize,
        calls_max: usize,
        born_ms: u64,
        live: &Gauge,
    ) -> Result<Self, NotStarted> {
        let host = Host::new(Arc::clone(step), Limiter::new(memory_bytes_max));
        let mut store = Store::new(prepared.pre.engine(), host);
        store.limiter(|host| &mut host.limiter);
        store.set_hostcall_fuel(PASSED_BYTES_MAX);
        store.set_max_component_handles(HANDLES_MAX);
        store.set_epoch_deadline(Ticker::ticks(START_DEADLINE));

        match Self::open(&mut store, prepared) {
            Ok(Ok(process)) => {
                let batch = Arc::default();
                let (calls, messages, _live) = (0, 0, Live::new(live));
                Ok(Self { store, process, batch, calls_max, calls, messages, born_ms, _live })
            }
            Ok(Err(reason)) => Err(NotStarted::Settings(reason)),
            Err(error) => Err(NotStarted::Failed { error, last_words: store.data().last_words().to_owned() }),
        }
    }

    /// `process` of a new instance, or why `configure` said no.
    fn open(store: &mut Store<Host>, prepared: &Prepared) -> wasmtime::Result<Result<Process, String>> {
        let instance = prepared.pre.instantiate(&mut *store)?;
        if let Some(configure) = &prepared.configure {
            let configure = instance.get_typed_func::<(), (Result<(), String>,)>(&mut *store, configure)?;
            if let (Err(reason),) = configure.call(&mut *store, ())? {
                return Ok(Err(reason));
            }
        }
        Ok(Ok(match &prepared.process {
            Entry::One(process) => Process::One(instance.get_typed_func(&mut *store, process)?),
            Entry::Batch { process, reads } => {
                let reads = instance.get_typed_func::<(), (Vec<String>,)>(&mut *store, reads)?;
                let (pointers,) = reads.call(&mut *store, ())?;
                let reads = match abi::Reads::parse(&pointers) {
                    Ok(reads) => reads,
                    Err(reason) => return Ok(Err(reason)),
                };
                Process::Batch { process: instance.get_typed_func(&mut *store, process)?, reads }
            }
        }))
    }

    /// The last error the guest logged in its last call, empty where it logged none.
    pub(crate) fn last_words(&self) -> &str {
        self.store.data().last_words()
    }

    /// Whether it has taken half of the memory that it may have.
    pub(crate) fn half_full(&self) -> bool {
        self.store.data().limiter.half_full()
    }

    /// Lets the guest work on the messages, all in one call, for `ticks` of the epoch; where its world has no such call, on
    /// the only one. Adds one answer each, in their order. After an error some answers may be there, and the instance
    /// must not be used again.
    pub(crate) fn process(
        &mut self,
        tasks: &mut [Task<'_>],
        ticks: u64,
        answers: &mut Answers,
    ) -> wasmtime::Result<()> {
        self.calls += 1;
        self.messages += tasks.len();
        // What the host has to do for the call is not the guest's time.
        match (&self.process, &mut *tasks) {
            (Process::One(process), [task]) => {
                task.draft.message();
                Arc::make_mut(&mut self.batch).name(task.draft);
                self.store.set_epoch_deadline(ticks);
                self.store.data_mut().enter(std::slice::from_mut(task), &self.batch);
                let answer = process.call(&mut self.store, (task.draft.message().into(),));
                self.store.data_mut().leave(tasks);
                // How large a message may be is for the engine to say, of every processor alike.
                answers.push(answer?.0.map(Outcome::from).map_err(Fault::from));
            }
            (Process::One(_), _) => {
                wasmtime::bail!("a processor of one message was called with {}", tasks.len());
            }
            (Process::Batch { process, reads }, _) => {
                Arc::make_mut(&mut self.batch).fill(tasks, reads)?;
                self.store.set_epoch_deadline(ticks);
                self.store.data_mut().enter(tasks, &self.batch);
                let answer = process.call(&mut self.store, self.batch.params());
                self.store.data_mut().leave(tasks);
                answer?.0.read(tasks.len(), answers)?;
            }
        }
        Ok(())
    }
}

/// Counts an instance for as long as it exists.
struct Live(Gauge);

impl Live {
    fn new(gauge: &Gauge) -> Self {
        gauge.increment(1);
        Self(gauge.clone())
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}
