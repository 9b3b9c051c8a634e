//! The shapes of `wit/catena.wit` as Rust types.
//!
//! Written by hand and not by `bindgen!`, so that a message is lowered straight from the borrowed
//! [`model::Message`] (headers included) with no intermediate copy. The tests of `pool` hold them to
//! the WIT: their guests are made components from the file itself, and wasmtime compares the types.

mod batch;

use bytes::Bytes;
use model::{Fault, Headers, Outcome, Verdict};
use wasmtime::component::{ComponentType, Lift, Lower};

pub(crate) use batch::{Answers, Batch, Params as BatchParams, Reads};

/// `types.message`, borrowed.
#[derive(ComponentType, Lower, Clone, Copy)]
#[component(record)]
pub(crate) struct Message<'a> {
    id: &'a str,
    kind: &'a str,
    key: &'a str,
    headers: &'a [(String, String)],
    body: &'a [u8],
}

impl<'a> From<&'a model::Message> for Message<'a> {
    fn from(message: &'a model::Message) -> Self {
        Self {
            id: &message.id,
            kind: &message.kind,
            key: &message.key,
            headers: &message.headers.0,
            body: &message.body,
        }
    }
}

/// What `process` takes.
pub(crate) type Params<'a> = (Message<'a>,);
/// What `process` answers.
pub(crate) type Answer = (Result<WireOutcome, Failure>,);

/// `types.verdict`.
#[derive(ComponentType, Lift)]
#[component(variant)]
pub(crate) enum WireVerdict {
    #[component(name = "next")]
    Next,
    #[component(name = "term")]
    Term(String),
    #[component(name = "jump")]
    Jump(String),
}

/// `types.outcome`.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct WireOutcome {
    verdict: WireVerdict,
    body: Option<Vec<u8>>,
    headers: Option<Vec<(String, String)>>,
}

/// `types.failure`.
#[derive(ComponentType, Lift)]
#[component(variant)]
pub(crate) enum Failure {
    #[component(name = "retry")]
    Retry(String),
    #[component(name = "reject")]
    Reject(String),
}

/// `log.level`.
#[expect(dead_code, reason = "lifted by its number")]
#[derive(ComponentType, Lift, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
pub(crate) enum Level {
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
    #[component(name = "error")]
    Error,
}

impl From<WireOutcome> for Outcome {
    fn from(wire: WireOutcome) -> Self {
        let verdict = match wire.verdict {
            WireVerdict::Next => Verdict::Next,
            WireVerdict::Term(reason) => Verdict::Term(reason),
            WireVerdict::Jump(step) => Verdict::Jump(step),
        };
        let (body, headers) = (wire.body.map(Bytes::from), wire.headers.map(Headers));
        Self { verdict, body, headers, edits: Vec::new() }
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Retry(reason) => Self::Retry { reason },
            Failure::Reject(reason) => Self::Reject { reason },
        }
    }
}
