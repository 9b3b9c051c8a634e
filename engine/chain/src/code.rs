//! What can be wrong with a chain file, one code each. Codes are public: scripts match on them.

use std::fmt;

use serde::{Serialize, Serializer};

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal,)+) => {
        /// The kind of a [`Mistake`](crate::Mistake). It is shown and serialised as its text,
        /// `chain::unknown-step` for one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code { $($(#[doc = $doc])+ $name,)+ }

        impl Code {
            /// Every code there is.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The public text.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => concat!("chain::", $text),)+ }
            }
        }
    };
}

codes! {
    /// Not TOML, or not JSON.
    Syntax = "syntax",
    /// Larger than a chain file may be.
    TooLarge = "too-large",
    /// Nested deeper than a chain file may be.
    TooDeep = "too-deep",
    /// More steps than a chain may have.
    TooManySteps = "too-many-steps",
    /// A key that must be there is not.
    MissingKey = "missing-key",
    /// A key that means nothing here.
    UnknownKey = "unknown-key",
    /// The same key twice in one object.
    DuplicateKey = "duplicate-key",
    /// A number where a text belongs, and the like.
    WrongType = "wrong-type",
    /// A text that cannot be a name.
    BadName = "bad-name",
    /// `uses` without a version range, or with one that cannot be read.
    BadVersion = "bad-version",
    /// A text that is not a digest.
    BadDigest = "bad-digest",
    /// A grant of no known capability.
    UnknownGrant = "unknown-grant",
    /// A word that is none of those allowed here.
    UnknownWord = "unknown-word",
    /// A number below or above what is allowed.
    OutOfRange = "out-of-range",
    /// A value that JSON, and so a processor, has no form for.
    NotJson = "not-json",
    /// Two keys that exclude one another.
    Conflict = "conflict",
    /// Two steps of one id.
    DuplicateStep = "duplicate-step",
    /// A step id that no step has.
    UnknownStep = "unknown-step",
    /// An output the chain does not declare.
    UnknownOutput = "unknown-output",
    /// An output that feeds the chain's own input.
    OutputIsInput = "output-is-input",
    /// Every step waits for a jump, so that nothing ever starts.
    NoEntry = "no-entry",
    /// A step that no message can reach.
    UnreachableStep = "unreachable-step",
    /// A circle of steps that no `visits_max` bounds.
    UnboundedCycle = "unbounded-cycle",
    /// `hops_max` is less than the chain's own length.
    HopsTooFew = "hops-too-few",
    /// `on_failure = "skip"` in a chain where no step may be skipped.
    NothingToSkip = "nothing-to-skip",
    /// Two tests of one name.
    DuplicateTest = "duplicate-test",
    /// A test that expects nothing.
    EmptyTest = "empty-test",
    /// No bundle has the name in `uses`.
    UnknownBundle = "unknown-bundle",
    /// The bundle is there, not in this range or digest.
    NoMatchingVersion = "no-matching-version",
    /// The bundle imports a capability that the step does not grant.
    NotGranted = "not-granted",
    /// The bundle imports an interface that this host does not have.
    UnknownInterface = "unknown-interface",
    /// The processor did not take the step's settings.
    SettingsRefused = "settings-refused",
    /// The host has no instance left to run it. This may pass by itself.
    NoInstance = "no-instance",
    /// The bundle is there and cannot be used.
    BrokenBundle = "broken-bundle",
    /// A warning: an output into a stream that nobody reads.
    UnreadOutput = "unread-output",
}

impl Code {
    /// Whether a chain runs in spite of it.
    #[must_use]
    pub fn is_warning(self) -> bool {
        self == Self::UnreadOutput
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
