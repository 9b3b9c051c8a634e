#[cfg(test)]
mod tests;

use relations::{PostId, UserId, is_reserved};
use thiserror::Error;

use crate::{
    decoded::Decoded,
    members::{Members, quoted},
};

/// Bytes of a post at most, with the members that the engine writes (up to 256 bytes).
pub const BODY_BYTES_MAX: usize = 1 << 20;
/// Arrays and objects inside each other at most.
pub const DEPTH_MAX: usize = 64;
/// Bytes of `text` at most.
pub const TEXT_BYTES_MAX: usize = 100 * 1024;
/// Bytes of `verb` at most.
pub const VERB_BYTES_MAX: usize = 64;

/// What the engine writes in front of a client's members, at most: a message's body has its limit too.
const WRITTEN_BYTES_MAX: usize = 256;

/// The verb of a post that names none.
const VERB_DEFAULT: &str = "note";
/// Members the engine writes in front of the others; what a client put there is not kept.
const WRITTEN: &[&str] = &["id", "actor", "verb", "published_at", "sequence"];

/// A post as a client sent it, checked.
///
/// One JSON object: `actor` is required, `verb` and `text` are looked at, every other member is kept as it was
/// written, repeated names included. `id`, `published_at` and `sequence` are the engine's: a
/// client's are dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPost {
    actor: UserId,
    verb: String,
    /// `,"name":value` for each member that is kept.
    rest: String,
}

/// What is wrong with a post.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}{problem}", if field.is_empty() { String::new() } else { format!("`{field}` ") })]
pub struct Invalid {
    /// The offending member as a JSON pointer (RFC 6901); empty for the post as a whole.
    pub field: &'static str,
    /// What is wrong with it, as the end of a sentence: "is missing".
    pub problem: String,
}

impl NewPost {
    /// Reads and checks a post.
    ///
    /// # Errors
    /// [`Invalid`] with the first thing that is wrong: too large or too deep, no JSON object, no usable
    /// `actor`, a `verb` or `text` that cannot be, or one of the three given twice.
    pub fn from_json(json: &[u8]) -> Result<Self, Invalid> {
        let whole = |problem: String| Invalid { field: "", problem };
        let bytes_max = BODY_BYTES_MAX - WRITTEN_BYTES_MAX;
        if json.len() > bytes_max {
            return Err(whole(format!("the post has {} bytes, at most {bytes_max}", json.len())));
        }
        let text =
            std::str::from_utf8(json).map_err(|error| whole(format!("the post is not UTF-8: {error}")))?;
        // Before anything that recurses.
        if depth(json) > DEPTH_MAX {
            return Err(whole(format!("the post is nested deeper than {DEPTH_MAX} levels")));
        }
        // Everything is decoded once, so that a half surrogate or a number beyond all bounds is refused here
        // and not by whoever reads the post later.
        let not_json = |error: serde_json::Error| whole(format!("the post is not JSON: {error}"));
        serde_json::from_str::<Decoded>(text).map_err(not_json)?;
        let Ok(members) = serde_json::from_str::<Members<'_>>(text) else {
            return Err(whole("the post is not a JSON object".to_owned()));
        };
        let member = |name: &str| {
            members
                .under(name)
                .next()
                .map(|raw| serde_json::from_str(raw.get()))
                .transpose()
                .map_err(not_json)
        };
        for (name, field) in [("actor", "/actor"), ("verb", "/verb"), ("text", "/text")] {
            if members.under(name).count() > 1 {
                return Err(Invalid { field, problem: "is given twice".to_owned() });
            }
        }
        let actor = actor(member("actor")?).map_err(|problem| Invalid { field: "/actor", problem })?;
        let verb = verb(member("verb")?).map_err(|problem| Invalid { field: "/verb", problem })?;
        check_text(member("text")?).map_err(|problem| Invalid { field: "/text", problem })?;
        let mut rest = String::with_capacity(json.len());
        members.write(WRITTEN, &mut rest);
        Ok(Self { actor, verb, rest })
    }

    /// Who posts.
    #[must_use]
    pub fn actor(&self) -> UserId {
        self.actor
    }

    /// What sort of post it is.
    #[must_use]
    pub fn verb(&self) -> &str {
        &self.verb
    }

    /// The post as it travels.
    pub(crate) fn body(&self, id: PostId, published_at: &str) -> String {
        let Self { actor, verb, rest } = self;
        let verb = quoted(verb);
        format!(
            "{{\"id\":\"{id}\",\"actor\":\"{actor}\",\"verb\":{verb},\"published_at\":\"{published_at}\"{rest}}}"
        )
    }
}

fn actor(value: Option<Decoded>) -> Result<UserId, String> {
    match value {
        None => Err("is missing".to_owned()),
        Some(Decoded::Text(text)) => {
            text.parse().map_err(|error: relations::InvalidUserId| format!("is wrong: {error}"))
        }
        Some(Decoded::Number(number)) => {
            let user = number.ok_or("is not a whole number from 0 to 18446744073709551615")?;
            Ok(UserId(user))
        }
        Some(Decoded::Other) => Err("is neither a whole number nor a string of one".to_owned()),
    }
}

fn verb(value: Option<Decoded>) -> Result<String, String> {
    let verb = match value {
        None => return Ok(VERB_DEFAULT.to_owned()),
        Some(Decoded::Text(verb)) => verb,
        Some(_) => return Err("is not a string".to_owned()),
    };
    let fits = (1..=VERB_BYTES_MAX).contains(&verb.len())
        && verb.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && verb.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    if !fits {
        return Err(format!(
            "is not a verb: use 1 to {VERB_BYTES_MAX} letters a-z, digits, `-`, `_` and `.`, starting with a letter or digit"
        ));
    }
    if is_reserved(&verb) {
        return Err(format!("begins with `{}`, which is kept for the engine", relations::RESERVED));
    }
    Ok(verb)
}

fn check_text(value: Option<Decoded>) -> Result<(), String> {
    match value {
        None => Ok(()),
        Some(Decoded::Text(text)) if text.len() <= TEXT_BYTES_MAX => Ok(()),
        Some(Decoded::Text(text)) => Err(format!("has {} bytes, at most {TEXT_BYTES_MAX}", text.len())),
        Some(_) => Err("is not a string".to_owned()),
    }
}

/// How deep arrays and objects are nested: exact for JSON, and good enough to refuse what is none.
fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0usize, 0, false, false);
    for byte in json {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}
