use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Digest;

/// The name of a chain, step, stream, output or bundle: 1–64 of `a-z 0-9 - _`, starting with a
/// letter or digit, so that it is safe as a file name, a metric label and a bus subject token.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(std::sync::Arc<str>);

/// A text that cannot be a [`Name`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{given}` is not a name: use 1 to 64 of a-z, 0-9, `-` and `_`, starting with a letter or digit")]
pub struct InvalidName {
    /// The text as given.
    pub given: String,
}

impl Name {
    /// Checks `text`.
    ///
    /// # Errors
    /// [`InvalidName`] with the text, when it is empty, too long or has another character.
    pub fn new(text: &str) -> Result<Self, InvalidName> {
        let fits = (1..=64).contains(&text.len())
            && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
            && text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        if fits { Ok(Self(text.into())) } else { Err(InvalidName { given: text.to_owned() }) }
    }

    /// The name `unnamed`, which stands in where a real one could not be read.
    #[must_use]
    pub fn unnamed() -> Self {
        Self("unnamed".into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl std::ops::Deref for Name {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        Self::new(&text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0.as_ref().to_owned()
    }
}

impl std::str::FromStr for Name {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        Self::new(text)
    }
}

/// One exact bundle: what a step runs, what a dead letter and a receipt name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BundleRef {
    /// The bundle's name.
    pub name: Name,
    /// Its version.
    pub version: semver::Version,
    /// The digest of its bytes, the identity everything else hangs on.
    pub digest: Digest,
}

impl fmt::Display for BundleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_in_paths_labels_and_subjects() {
        for good in [&*Name::unnamed(), "a", "spam-filter", "posts_2", "9lives"] {
            assert_eq!(Name::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "A", "a b", "a/b", "-a", "ä", "a.b", "*", &"x".repeat(65)] {
            assert!(Name::new(bad).is_err(), "{bad:?} was taken");
        }
    }
}
