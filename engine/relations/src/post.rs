use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::UserId;

/// A post's identity, written `<author>-<16 hexadecimal digits>`: it names its author, and with the author
/// the partition and the home shard, so that a retraction needs nothing else (ADR 4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PostId {
    /// Who posted it.
    pub author: UserId,
    /// What tells it from the author's other posts.
    pub unique: u64,
}

/// A text that is not a [`PostId`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{given}` is not a post id: it looks like `42-9f86d081884c7d65`")]
pub struct InvalidPostId {
    /// The text as given.
    pub given: String,
}

impl fmt::Display for PostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:016x}", self.author, self.unique)
    }
}

impl fmt::Debug for PostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "post {self}")
    }
}

impl std::str::FromStr for PostId {
    type Err = InvalidPostId;
    fn from_str(text: &str) -> Result<Self, InvalidPostId> {
        let parsed = text.split_once('-').and_then(|(author, unique)| {
            let canonical =
                unique.len() == 16 && unique.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            let unique = u64::from_str_radix(unique, 16).ok().filter(|_| canonical)?;
            Some(Self { author: author.parse().ok()?, unique })
        });
        parsed.ok_or_else(|| InvalidPostId { given: text.chars().take(60).collect() })
    }
}

impl TryFrom<String> for PostId {
    type Error = InvalidPostId;
    fn try_from(text: String) -> Result<Self, InvalidPostId> {
        text.parse()
    }
}

impl From<PostId> for String {
    fn from(post: PostId) -> Self {
        post.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn post_ids_survive_text(author: u64, unique: u64) {
            let post = PostId { author: UserId(author), unique };
            prop_assert_eq!(post.to_string().parse(), Ok(post));
        }

        #[test]
        fn a_text_that_parses_is_the_only_text_of_its_post(text in "[0-9+]{1,3}-?[0-9a-fA-F+-]{14,17}") {
            if let Ok(post) = text.parse::<PostId>() {
                prop_assert_eq!(post.to_string(), text);
            }
        }
    }
}
