use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::Headers;

/// Where a message goes after a step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// On to the next step, or from the last step to the chain's output.
    #[default]
    Next,
    /// It ends here, counted under the reason given.
    Term(String),
    /// To the step of this id, which the chain must allow.
    Jump(String),
}

/// What one step answers: a verdict and only what it changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Where the message goes.
    pub verdict: Verdict,
    /// The new body; `None` leaves it as it was.
    pub body: Option<Bytes>,
    /// The new headers, all of them; `None` leaves them as they were.
    pub headers: Option<Headers>,
    /// What changed in a body that is a JSON object, the new one where there is one, in this order.
    pub edits: Vec<Edit>,
}

impl Outcome {
    /// Whether the message goes on as it came.
    #[must_use]
    pub fn passes(&self) -> bool {
        let Self { verdict, body, headers, edits } = self;
        *verdict == Verdict::Next && body.is_none() && headers.is_none() && edits.is_empty()
    }
}

/// One field of a body, set or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Its name.
    pub field: String,
    /// Its new value as JSON; `None` removes it.
    pub value: Option<Bytes>,
}

/// Something a step emitted to a declared output beside the message it works on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emission {
    /// The output's name in the chain.
    pub output: String,
    /// Kind of the message to emit.
    pub kind: String,
    /// Its key; the working message's key where the guest gave none.
    pub key: String,
    /// Its body.
    pub body: Bytes,
}
