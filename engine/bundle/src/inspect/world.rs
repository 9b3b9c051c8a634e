//! Which of the package's worlds a component is of.

use std::fmt;

use serde::{Serialize, Serializer};

/// The worlds of `catena:processor` whose components this host runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// `processor`: one message a call, by value.
    Plain,
    /// `configurable-processor`: the same, and it looks at its settings first.
    Configurable,
    /// `batch-processor`: many messages a call, and it looks at its settings first.
    Batch,
}

impl fmt::Display for World {
    /// The full name, with the version of this host.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Plain => "processor",
            Self::Configurable => "configurable-processor",
            Self::Batch => "batch-processor",
        };
        f.write_str(&crate::interface::full_name(name))
    }
}

impl Serialize for World {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
