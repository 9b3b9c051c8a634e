//! The threads that run chains: by default one for each core, of a lower priority than those that accept and answer.
//!
//! A post is promised something the moment it is accepted; when cores are short, taking messages in and letting
//! people read goes before working off what is safely on disk. The price is lag under sustained overload, which
//! is a gauge. An idle machine gives these threads all they want. They share one queue and are pinned to no core: ADR 17 has the figures.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, mpsc},
    thread,
};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::{Error, Result};

/// Added to the niceness of the threads: a share of about a third when everything else is busy too.
const NICER: i32 = 5;

type Job = Box<dyn FnOnce() + Send>;

/// Hands batches to the threads. They end when it is dropped and their last batch is done.
pub(crate) struct Workers {
    // Unbounded, and never longer than there are lanes: each waits for its batch.
    jobs: mpsc::Sender<Job>,
}

impl Workers {
    /// Starts so many threads, one at least.
    pub(crate) fn start(count: usize) -> Result<Self> {
        let (sender, jobs) = mpsc::channel::<Job>();
        let jobs = Arc::new(Mutex::new(jobs));
        for n in 0..count.max(1) {
            let jobs = Arc::clone(&jobs);
            let started = thread::Builder::new().name(format!("chains-{n}")).spawn(move || work(&jobs));
            started.map_err(|error| Error::Threads { source: error })?;
        }
        Ok(Self { jobs: sender })
    }

    /// Runs `work` on one of the threads.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let (sender, done) = oneshot::channel();
        let job = move || {
            // Nobody waits any more when a lane was dropped meanwhile.
            let _ = sender.send(catch_unwind(AssertUnwindSafe(work)));
        };
        let gone = |reason: &str| Error::Panicked { reason: reason.to_owned() };
        self.jobs.send(Box::new(job)).map_err(|_| gone("the threads that run chains are gone"))?;
        let done = done.await.map_err(|_| gone("a thread that runs chains went"))?;
        done.map_err(|panic| {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            Error::Panicked { reason: text.unwrap_or_else(|| "no reason given".to_owned()) }
        })
    }
}

fn work(jobs: &Mutex<mpsc::Receiver<Job>>) {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICER) {
        // Linux keeps niceness for each thread; elsewhere it would be the whole process's.
        tracing::debug!(%error, "failed to lower a thread's priority");
    }
    loop {
        // The lock is held while waiting: the next thread in line waits for the lock instead.
        let job = jobs.lock().recv();
        let Ok(job) = job else { return };
        job();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_told_and_the_threads_go_on() {
        let workers = Workers::start(2).unwrap();
        for n in 0..50 {
            let panicked = workers.run(move || assert!(n % 2 == 0, "odd")).await;
            assert_eq!(panicked.is_err(), n % 2 == 1);
        }
        assert_eq!(workers.run(|| 7).await.unwrap(), 7);
    }
}
