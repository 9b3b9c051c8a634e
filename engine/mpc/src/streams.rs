use std::collections::HashMap;

use bus::StreamSpec;
use model::Name;

/// The streams there were when a plan went live, and how many partitions each has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Streams(HashMap<Name, u32>);

impl Streams {
    /// How many partitions `stream` has; `None` when there is no such stream.
    #[must_use]
    pub fn partitions(&self, stream: &str) -> Option<u32> {
        self.0.get(stream).copied()
    }

    /// The names, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<&Name> {
        let mut names: Vec<_> = self.0.keys().collect();
        names.sort_unstable();
        names
    }
}

impl FromIterator<(Name, u32)> for Streams {
    fn from_iter<I: IntoIterator<Item = (Name, u32)>>(streams: I) -> Self {
        Self(streams.into_iter().collect())
    }
}

impl From<Vec<StreamSpec>> for Streams {
    fn from(specs: Vec<StreamSpec>) -> Self {
        specs.into_iter().map(|spec| (spec.name, spec.partitions)).collect()
    }
}
