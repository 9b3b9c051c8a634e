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

/// Is told of visits, on the thread and in the order of execution. It must be quick: it stands
/// on the hot path.
pub trait Observe {
    /// What it is told.
    const TOLD: Told = Told::Visits;

    /// A step was visited.
    fn step(&mut self, visit: Visit<'_>);

    /// So many messages went on from a step as they came, and took so long each: instead of their visits, and behind those that were
    /// made with them. Whoever is told [counts](Told::Counts) does something about it.
    fn passed(&mut self, step: usize, messages: usize, elapsed: Duration) {
        let _ = (step, messages, elapsed);
    }
}

/// What an observer is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Nothing: the clock is not read.
    Nothing,
    /// Visits on which something happened. Of the others, which are most, how many there were: once a step and batch.
    Counts,
    /// Each visit.
    Visits,
}

/// Nobody watches.
impl Observe for () {
    const TOLD: Told = Told::Nothing;
    fn step(&mut self, _: Visit<'_>) {}
}

impl<O: Observe> Observe for &mut O {
    const TOLD: Told = O::TOLD;
    fn step(&mut self, visit: Visit<'_>) {
        (**self).step(visit);
    }
    fn passed(&mut self, step: usize, messages: usize, elapsed: Duration) {
        (**self).passed(step, messages, elapsed);
    }
}
