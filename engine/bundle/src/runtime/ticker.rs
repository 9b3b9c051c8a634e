//! Advances the engine's epoch once a millisecond, which is how calls are cut at their deadline.
//!
//! One thread per runtime, stopped and joined when the runtime goes. A thread that was kept from
//! running makes up for a few lost ticks, never for many: calls that starved beside it should not pay.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use wasmtime::Engine;

/// One step of the epoch.
const TICK: Duration = Duration::from_millis(1);

/// Further behind than this, the schedule starts anew.
const LAG_MAX: Duration = Duration::from_millis(10);

pub(crate) struct Ticker {
    millis: Arc<AtomicU64>,
    /// Dropped to stop the thread.
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    /// Starts the thread.
    pub(crate) fn start(engine: Engine) -> io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let millis = Arc::new(AtomicU64::new(0));
        let clock = Arc::clone(&millis);
        let thread = thread::Builder::new()
            .name("catena-epoch".to_owned())
            .spawn(move || tick(&engine, &clock, &stopped))?;
        Ok(Self { millis, stop: Some(stop), thread: Some(thread) })
    }

    /// Milliseconds since the start, to the tick: a clock that costs one load.
    pub(crate) fn millis(&self) -> u64 {
        self.millis.load(Ordering::Relaxed)
    }

    /// Ticks that cover `time`: one more than it holds, for the tick already under way.
    pub(crate) fn ticks(time: Duration) -> u64 {
        u64::try_from(time.as_nanos().div_ceil(TICK.as_nanos())).unwrap_or(u64::MAX / 2) + 1
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // It panics only if wasmtime does; there is nothing to clean up then.
            let _ = thread.join();
        }
    }
}

fn tick(engine: &Engine, clock: &AtomicU64, stopped: &mpsc::Receiver<()>) {
    let began = Instant::now();
    let mut next = began + TICK;
    loop {
        let now = Instant::now();
        match stopped.recv_timeout(next.saturating_duration_since(now)) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
        let now = Instant::now();
        clock.store(u64::try_from((now - began).as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        engine.increment_epoch();
        next += TICK;
        if now > next + LAG_MAX {
            next = now + TICK;
        }
    }
}
