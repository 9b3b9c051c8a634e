//! How a question to a shard, and its answer, travel between processes.
//!
//! A question goes to the subject `inbox.<shard>`. Numbers are big-endian. The first byte of either is the format's
//! version, 1; a process answers questions of its own version alone, and says so otherwise.
//!
//! | question | bytes |
//! |---|---|
//! | version | 1 |
//! | what: 1 feed, 2 own posts, 3 following, 4 followers among the shard's users | 1 |
//! | how many at most, from 1 to [`LIMIT_MAX`] | 2 |
//! | the user, or the author | 8 |
//! | older than this number, or users above this one; left out where it begins | 8 or 0 |
//!
//! | answer | bytes |
//! |---|---|
//! | version | 1 |
//! | what: 1 page, 2 users, 3 error | 1 |
//! | the page as clients get it, JSON; or the users, 8 bytes each; or the error, JSON ([`Refusal`]) | the rest |
//!
//! What arrives is checked, not trusted: anything else is [`Error::Foreign`].

mod refusal;
#[cfg(test)]
mod tests;

use bytes::{BufMut, Bytes, BytesMut};
use relations::UserId;

use crate::{Error, Result, tables::number};
use refusal::Refusal;

const VERSION: u8 = 1;
/// Entries or users that one question may ask for.
pub(crate) const LIMIT_MAX: usize = 10_000;

const PAGE: u8 = 1;
const USERS: u8 = 2;
const ERROR: u8 = 3;

/// Where questions to `shard` go.
pub(crate) fn subject(shard: u32) -> String {
    format!("inbox.{shard}")
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Feed = 1,
    Posts = 2,
    Following = 3,
    Followers = 4,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) which: Which,
    pub(crate) user: UserId,
    /// A page's cursor, or the user above whom the list goes on.
    pub(crate) from: Option<u64>,
    pub(crate) limit: usize,
}

impl Question {
    /// Asking for more than [`LIMIT_MAX`] asks for that many.
    pub(crate) fn encode(&self) -> Bytes {
        let limit = u16::try_from(self.limit.clamp(1, LIMIT_MAX)).unwrap_or(u16::MAX);
        let mut bytes = BytesMut::with_capacity(20);
        bytes.put_u8(VERSION);
        bytes.put_u8(self.which as u8);
        bytes.put_u16(limit);
        bytes.put_u64(self.user.0);
        if let Some(from) = self.from {
            bytes.put_u64(from);
        }
        bytes.freeze()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        let [version, which, high, low, rest @ ..] = bytes else { return Err(garbled("question")) };
        check_version(*version, "asked")?;
        let which = match which {
            1 => Which::Feed,
            2 => Which::Posts,
            3 => Which::Following,
            4 => Which::Followers,
            _ => return Err(garbled("question")),
        };
        let limit = usize::from(u16::from_be_bytes([*high, *low]));
        let (user, from) = rest.split_at_checked(8).ok_or_else(|| garbled("question"))?;
        let user = number(user).ok_or_else(|| garbled("question"))?;
        let from = match from {
            [] => None,
            from => Some(number(from).ok_or_else(|| garbled("question"))?),
        };
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(garbled("question"));
        }
        Ok(Self { which, user: UserId(user), from, limit })
    }
}

/// What a shard has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// JSON.
    Page(Bytes),
    Users(Vec<UserId>),
}

pub(crate) fn encode_answer(answer: Result<Answer>) -> Bytes {
    let (what, rest) = match answer {
        Ok(Answer::Page(json)) => (PAGE, json),
        Ok(Answer::Users(users)) => {
            let users: Vec<u8> = users.into_iter().flat_map(|user| user.0.to_be_bytes()).collect();
            (USERS, users.into())
        }
        Err(error) => (ERROR, Refusal::from(error).encode()),
    };
    let mut bytes = BytesMut::with_capacity(rest.len() + 2);
    bytes.put_u8(VERSION);
    bytes.put_u8(what);
    bytes.put(rest);
    bytes.freeze()
}

/// Reads an answer. A page shares the bytes it came in.
pub(crate) fn decode_answer(bytes: &Bytes) -> Result<Answer> {
    let [version, what, rest @ ..] = &**bytes else { return Err(garbled("answer")) };
    check_version(*version, "answered")?;
    match *what {
        PAGE => Ok(Answer::Page(bytes.slice_ref(rest))),
        USERS => {
            let users: Option<Vec<UserId>> = rest.chunks(8).map(|user| number(user).map(UserId)).collect();
            users.map(Answer::Users).ok_or_else(|| garbled("answer"))
        }
        ERROR => Err(Refusal::decode(rest).map_or_else(|| garbled("answer"), Error::from)),
        _ => Err(garbled("answer")),
    }
}

/// An answer to another question.
pub(crate) fn mixed_up() -> Error {
    Error::Foreign { reason: "an inbox shard answered something that was not asked".to_owned() }
}

fn garbled(what: &str) -> Error {
    let reason = format!(
        "the {what} is none that this process knows; bring all processes of the fleet to one release"
    );
    Error::Foreign { reason }
}

fn check_version(found: u8, verb: &str) -> Result<()> {
    if found == VERSION {
        return Ok(());
    }
    let reason = format!(
        "an inbox shard was {verb} in format {found}, this process knows {VERSION}; \
         bring all processes of the fleet to one release"
    );
    Err(Error::Foreign { reason })
}
