use parking_lot::{Condvar, Mutex};
use store::{Batch, Error, Memory, Result, Snapshot, Store};

use super::TABLES;

/// A store whose disk the test holds in its hand.
pub(super) struct Gate {
    inner: Memory,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    shut: bool,
    waiting: bool,
    written: usize,
    failure: Option<Error>,
}

impl Gate {
    pub(super) fn new() -> Self {
        Self { inner: Memory::new(TABLES), state: Mutex::default(), changed: Condvar::new() }
    }

    /// Lets no write through until [`open`](Self::open).
    pub(super) fn shut(&self) {
        self.state.lock().shut = true;
    }

    pub(super) fn open(&self) {
        self.state.lock().shut = false;
        self.changed.notify_all();
    }

    /// Blocks until somebody stands before the shut gate.
    pub(super) fn wait_for_a_writer(&self) {
        self.changed.wait_while(&mut self.state.lock(), |state| !state.waiting);
    }

    /// How many batches went through.
    pub(super) fn written(&self) -> usize {
        self.state.lock().written
    }

    pub(super) fn fail_next(&self, error: Error) {
        self.state.lock().failure = Some(error);
    }
}

impl Store for Gate {
    fn write(&self, batch: &Batch) -> Result<()> {
        let mut state = self.state.lock();
        state.waiting = true;
        self.changed.notify_all();
        self.changed.wait_while(&mut state, |state| state.shut);
        state.waiting = false;
        if let Some(error) = state.failure.take() {
            return Err(error);
        }
        state.written += 1;
        self.inner.write(batch)
    }

    fn snapshot(&self) -> Result<Box<dyn Snapshot + '_>> {
        self.inner.snapshot()
    }
}
