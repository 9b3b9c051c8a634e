use model::Name;
use serde::{Serialize, Serializer};
use smallvec::SmallVec;

use crate::Plan;

/// The steps a message visited, in order, as indices into [`Plan::steps`].
///
/// Up to 24 visits need no allocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path(SmallVec<[u16; 24]>);

impl Path {
    pub(crate) fn push(&mut self, step: usize) {
        // A chain has at most 1,000 steps.
        self.0.push(u16::try_from(step).unwrap_or(u16::MAX));
    }

    /// How often `step` was visited.
    pub(crate) fn visits(&self, step: usize) -> usize {
        self.iter().filter(|s| *s == step).count()
    }

    /// The indices, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = usize> + '_ {
        self.0.iter().map(|s| usize::from(*s))
    }

    /// How many visits there were.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no step was visited.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The step visited last: the one that answered `term`, or failed.
    #[must_use]
    pub fn last(&self) -> Option<usize> {
        self.0.last().map(|s| usize::from(*s))
    }

    /// The ids of the visited steps, for people and envelopes.
    #[must_use]
    pub fn names(&self, plan: &Plan) -> Vec<Name> {
        self.iter().filter_map(|i| plan.steps.get(i)).map(|step| step.id.clone()).collect()
    }
}

impl Serialize for Path {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.0)
    }
}
