use chain::{Path, Plan, Stopped};
use model::{Fault, Name};

use crate::{Error, dead::Problem};

pub(crate) use model::chain_of as sentence;

/// Why one attempt at one message came to nothing.
pub(super) struct Failure {
    pub(super) problem: Problem,
    /// The steps visited, the failed one last.
    pub(super) path: Vec<Name>,
    /// The index of the step that failed; `None` when it was not a step.
    pub(super) step: Option<usize>,
    /// Whether another attempt may succeed.
    pub(super) retryable: bool,
    /// The steps went well, and the router could not say where what they left goes.
    pub(super) routing: bool,
}

/// Bytes of a sentence in a dead letter. Guests write most of them, and a letter has to fit the bus.
const SENTENCE_BYTES_MAX: usize = 4 << 10;

fn shortened(mut sentence: String) -> String {
    if sentence.len() > SENTENCE_BYTES_MAX {
        sentence.truncate(sentence.floor_char_boundary(SENTENCE_BYTES_MAX));
        sentence.push_str(" …");
    }
    sentence
}

impl Failure {
    pub(super) fn stopped(stopped: Stopped, plan: &Plan) -> Self {
        let Stopped { fault, path } = stopped;
        let retryable = fault.retryable();
        let problem = Problem {
            code: fault.code().to_owned(),
            sentence: shortened(fault.to_string()),
            backtrace: match fault {
                Fault::Trap { backtrace, .. } => backtrace,
                _ => Vec::new(),
            },
        };
        Self { problem, path: path.names(plan), step: path.last(), retryable, routing: false }
    }

    /// The steps went well; sending on what they left did not.
    pub(super) fn routing(error: &Error, path: &Path, plan: &Plan) -> Self {
        let problem =
            Problem { code: "route".to_owned(), sentence: shortened(sentence(error)), backtrace: Vec::new() };
        Self {
            problem,
            path: path.names(plan),
            step: None,
            retryable: error.retryable(),
            routing: matches!(error, Error::Route { .. }),
        }
    }

    /// The engine itself panicked. Whether the message was to blame is unknown, so it gets its attempts.
    pub(super) fn panicked(panic: &(dyn std::any::Any + Send)) -> Self {
        let said = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("it did not say why");
        let sentence = format!("the engine panicked while it processed the message: {said}");
        let problem =
            Problem { code: "panic".to_owned(), sentence: shortened(sentence), backtrace: Vec::new() };
        Self { problem, path: Vec::new(), step: None, retryable: true, routing: false }
    }
}
