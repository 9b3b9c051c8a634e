//! How the graph's words travel as messages.
//!
//! | word | kind | key | headers | body |
//! |---|---|---|---|---|
//! | [`Control::Follow`] | `catena.follow` | author | `user` | |
//! | [`Control::Unfollow`] | `catena.unfollow` | author | `user`, `history` = `purge` or `keep` | |
//! | [`Control::Retract`] | `catena.retract` | author | `post` | |
//! | [`Activity`] | the post's verb | author | `post` | the post as a JSON object |
//!
//! Control messages look the same in `posts` and in `inbox`; activities exist in `inbox` only. What is in `inbox` has one header more,
//! `catena-accepted`, which says where in `posts` it was accepted ([`Accepted`](crate::Accepted)). Message ids
//! are the sender's business: they are identity on the bus, not of the thing told.

use bytes::Bytes;
use model::{Headers, Message};
use thiserror::Error;

use crate::{History, PostId, UserId};

/// What the kinds of control messages begin with, and no verb may.
pub const RESERVED: &str = "catena.";
/// Kind of a follow.
pub const FOLLOW: &str = "catena.follow";
/// Kind of an unfollow.
pub const UNFOLLOW: &str = "catena.unfollow";
/// Kind of a retraction.
pub const RETRACT: &str = "catena.retract";

const USER: &str = "user";
const POST: &str = "post";
const HISTORY: &str = "history";

/// Whether `kind` is kept for control messages.
#[must_use]
pub fn is_reserved(kind: &str) -> bool {
    kind.starts_with(RESERVED)
}

/// `user` follows `author`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Edge {
    /// Who follows.
    pub user: UserId,
    /// Who is followed.
    pub author: UserId,
}

/// A change of the graph or of what was posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// The user's feed receives the author's posts from here on.
    Follow(Edge),
    /// It no longer does.
    Unfollow(Edge, History),
    /// The post is gone, for everybody and for good.
    Retract(PostId),
}

/// A post that passed its chain, on its way to feeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    /// Which post.
    pub post: PostId,
    /// Its verb.
    pub verb: String,
    /// The post, one JSON object.
    pub body: Bytes,
}

/// All that arrives in the stream `inbox`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A change of the graph or of what was posted.
    Control(Control),
    /// A post.
    Activity(Activity),
}

/// A message that says nothing known here; nobody but a bug or a stranger wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("failed to read a `{kind}` message: {problem}")]
pub struct Malformed {
    /// The message's kind.
    pub kind: String,
    /// What is wrong with it.
    pub problem: String,
}

impl Control {
    /// Under whose key it travels.
    #[must_use]
    pub fn author(&self) -> UserId {
        match self {
            Self::Follow(edge) | Self::Unfollow(edge, _) => edge.author,
            Self::Retract(post) => post.author,
        }
    }

    /// The message that says so, under the id given.
    #[must_use]
    pub fn to_message(&self, id: String) -> Message {
        let (kind, headers) = match self {
            Self::Follow(edge) => (FOLLOW, vec![(USER, edge.user.to_string())]),
            Self::Unfollow(edge, history) => {
                (UNFOLLOW, vec![(USER, edge.user.to_string()), (HISTORY, history.as_str().to_owned())])
            }
            Self::Retract(post) => (RETRACT, vec![(POST, post.to_string())]),
        };
        let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let key = self.author().to_string();
        Message { id, kind: kind.to_owned(), key, headers: Headers(headers), body: Bytes::new() }
    }

    /// Reads a control message; `None` when `message` is no control message at all.
    ///
    /// # Errors
    /// [`Malformed`] when its kind is reserved and it does not say what that kind has to say.
    pub fn read(message: &Message) -> Result<Option<Self>, Malformed> {
        let edge =
            || Ok(Edge { user: parsed(message, USER)?, author: message.key.parse().map_err(told(message))? });
        Ok(Some(match message.kind.as_str() {
            FOLLOW => Self::Follow(edge()?),
            UNFOLLOW => Self::Unfollow(edge()?, parsed(message, HISTORY)?),
            RETRACT => Self::Retract(post_under_key(message)?),
            other if is_reserved(other) => return Err(malformed(message, "the kind is unknown")),
            _ => return Ok(None),
        }))
    }
}

impl Activity {
    /// The message that carries it to one shard, under the id given.
    #[must_use]
    pub fn into_message(self, id: String) -> Message {
        let headers = Headers(vec![(POST.to_owned(), self.post.to_string())]);
        Message { id, kind: self.verb, key: self.post.author.to_string(), headers, body: self.body }
    }
}

impl Event {
    /// Reads a message of the stream `inbox`.
    ///
    /// # Errors
    /// [`Malformed`] when it is neither a control message nor an activity with a post id.
    pub fn read(message: Message) -> Result<Self, Malformed> {
        if let Some(control) = Control::read(&message)? {
            return Ok(Self::Control(control));
        }
        let post = post_under_key(&message)?;
        Ok(Self::Activity(Activity { post, verb: message.kind, body: message.body }))
    }
}

/// The post a message names, whose author has to be the key it travels under.
fn post_under_key(message: &Message) -> Result<PostId, Malformed> {
    let post: PostId = parsed(message, POST)?;
    match message.key.parse::<UserId>() {
        Ok(author) if author == post.author => Ok(post),
        _ => Err(malformed(message, "the key is not the post's author")),
    }
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
    message: &Message,
    header: &str,
) -> Result<T, Malformed> {
    let text = message.headers.get(header);
    text.ok_or_else(|| malformed(message, &format!("the header `{header}` is missing")))?
        .parse()
        .map_err(told(message))
}

fn told<E: std::fmt::Display>(message: &Message) -> impl Fn(E) -> Malformed + '_ {
    |error| malformed(message, &error.to_string())
}

fn malformed(message: &Message, problem: &str) -> Malformed {
    Malformed { kind: message.kind.chars().take(80).collect(), problem: problem.to_owned() }
}

#[cfg(test)]
mod tests;
