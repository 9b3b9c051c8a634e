use serde::Serialize;

use crate::{Failure, Object, object::Edit};

/// Where the message goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// To the next step, or to the chain's output.
    #[default]
    Next,
    /// It ends here; the reason is counted and shown. Use few, fixed reasons.
    Term(String),
    /// To the step of this id, which the chain must list in `jumps`.
    Jump(String),
}

/// A verdict, and what changed on the message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Outcome {
    verdict: Verdict,
    body: Option<Vec<u8>>,
    headers: Vec<(String, Option<String>)>,
    edits: Vec<Edit>,
}

impl Outcome {
    /// On to the next step, or from the last one to the chain's output.
    pub fn next() -> Self {
        Self::default()
    }

    /// The message ends here, counted under `reason`.
    pub fn term(reason: impl Into<String>) -> Self {
        Self { verdict: Verdict::Term(reason.into()), ..Self::default() }
    }

    /// To the step with the id `step`.
    pub fn jump(step: impl Into<String>) -> Self {
        Self { verdict: Verdict::Jump(step.into()), ..Self::default() }
    }

    /// With these bytes as the new body.
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// With what was set and removed on the object: the rest of the body stays as it is. A body that this outcome has
    /// ([`with_body`](Self::with_body)) is edited in its place.
    pub fn with_object(mut self, object: &Object<'_>) -> Self {
        self.edits.extend_from_slice(object.edits());
        self
    }

    /// With `value` as the new body, as JSON. Answers what `process` answers, so it can stand last.
    ///
    /// # Errors
    /// A rejection, where the value has no form in JSON.
    pub fn with_json(self, value: &impl Serialize) -> Result<Self, Failure> {
        Ok(self.with_body(to_json(value)?))
    }

    /// With one header set: every value under `name` is replaced by this one.
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), Some(value.into())));
        self
    }

    /// Without the header `name`.
    pub fn without_header(mut self, name: impl Into<String>) -> Self {
        self.headers.push((name.into(), None));
        self
    }

    /// All of it, with the headers anew where they changed; `before` is what they were.
    pub(crate) fn into_parts<'a>(self, before: impl Iterator<Item = (&'a str, &'a str)>) -> Parts {
        let Self { verdict, body, headers: changes, edits } = self;
        if changes.is_empty() {
            return Parts { verdict, body, headers: None, edits };
        }
        let before: Vec<_> = before.collect();
        let mut after: Vec<_> = before.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        for (name, value) in changes {
            set(&mut after, name, value);
        }
        let changed = !after.iter().map(|(n, v)| (&**n, &**v)).eq(before.iter().copied());
        Parts { verdict, body, headers: changed.then_some(after), edits }
    }
}

/// The first header of the name takes the value in its place, others of the name go.
fn set(headers: &mut Vec<(String, String)>, name: String, mut value: Option<String>) {
    headers.retain_mut(|(n, old)| *n != name || value.take().map(|new| *old = new).is_some());
    headers.extend(value.map(|value| (name, value)));
}

/// See [`Outcome::into_parts`].
pub(crate) struct Parts {
    pub(crate) verdict: Verdict,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) headers: Option<Vec<(String, String)>>,
    pub(crate) edits: Vec<Edit>,
}

pub(crate) fn to_json(value: &impl Serialize) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(value)
        .map_err(|error| Failure::Reject(format!("failed to write the body as JSON: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_edits_apply_in_order_and_are_none_where_nothing_changed() {
        let before = [("a", "1"), ("b", "2"), ("a", "3")];
        let after = |outcome: Outcome| outcome.into_parts(before.iter().copied()).headers;
        assert_eq!(after(Outcome::next()), None);
        assert_eq!(after(Outcome::next().without_header("c")), None);
        assert_eq!(after(Outcome::next().with_header("b", "2")), None);
        let edited = after(Outcome::next().with_header("a", "9").without_header("b")).unwrap();
        assert_eq!(edited, [("a".to_owned(), "9".to_owned())]);
        let added = after(Outcome::next().with_header("c", "1").with_header("c", "2")).unwrap();
        assert_eq!(added[3], ("c".to_owned(), "2".to_owned()));
    }
}
