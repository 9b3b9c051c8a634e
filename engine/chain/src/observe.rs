//! Watching a message on its way: metrics, `--trace`, a debugger.

use std::time::Duration;

use model::{Draft, Emission, Fault, Outcome};

/// One visit of one step, as it just happened.
#[derive(Clone, Copy, Debug)]
pub struct Visit<'a> {
    /// The step, an index into [`Plan::steps`](crate::Plan::steps).
    pub step: usize,
    /// Wall-clock time of the call, or this message's share of it where it was called with others.
    pub elapsed: Duration,
    /// The message as the step received it.
    pub before: &'a Draft,
    /// The verdict with what changed, or why there is none.
    pub result: Result<&'a Outcome, &'a Fault>,
    /// What the step emitted; nothing when it failed.
    pub emissions: &'a [Emission],
    /// The step failed, and the message went on without it.
    pub skipped: bool,
}

/// Is told of every visit, on the thread and in the order of execution. It must be quick: it stands
/// on the hot path.
pub trait Observe {
    /// Whether anything looks: without it the clock is not read.
    const WATCHES: bool = true;

    /// A step was visited.
    fn step(&mut self, visit: Visit<'_>);
}

/// Nobody watches.
impl Observe for () {
    const WATCHES: bool = false;
    fn step(&mut self, _: Visit<'_>) {}
}

impl<O: Observe> Observe for &mut O {
    const WATCHES: bool = O::WATCHES;
    fn step(&mut self, visit: Visit<'_>) {
        (**self).step(visit);
    }
}
