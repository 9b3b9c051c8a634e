use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How a guest left the rails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrapKind {
    /// A panic, `unreachable`, out-of-bounds access and the like.
    Trap,
    /// It ran past the step's deadline.
    Deadline,
    /// It asked for more memory than the step's limit.
    Memory,
    /// It recursed past the stack limit.
    Stack,
}

impl TrapKind {
    /// The word used in metrics, envelopes and sentences.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::Deadline => "deadline",
            Self::Memory => "memory",
            Self::Stack => "stack",
        }
    }
}

/// Why a step produced no outcome for a message. None of these harms the host or other messages.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Fault {
    /// The processor says: not now. Tried again, later.
    #[error("the processor asked to retry: {reason}")]
    Retry {
        /// The processor's words.
        reason: String,
    },
    /// The processor says: never. Dead-lettered at once.
    #[error("the processor rejected the message: {reason}")]
    Reject {
        /// The processor's words.
        reason: String,
    },
    /// The guest trapped and its instance was retired.
    #[error("{message}")]
    Trap {
        /// Which rail it left.
        kind: TrapKind,
        /// One sentence for people.
        message: String,
        /// The wasm backtrace, innermost first; empty where there is none.
        backtrace: Vec<String>,
    },
    /// The verdict was a jump the chain does not allow.
    #[error("the processor jumped to `{to}`, which its step does not list in `jumps`")]
    ForbiddenJump {
        /// The target it named.
        to: String,
    },
    /// The message visited more steps, or one step more often, than allowed.
    #[error("the message went round in circles: {detail}")]
    HopBudget {
        /// Which budget, and its size.
        detail: String,
    },
    /// The host could not serve a capability (state, for one). Tried again, later.
    #[error("the engine failed to serve the processor: {reason}")]
    Host {
        /// What failed.
        reason: String,
    },
}

impl Fault {
    /// Whether trying the same message again may succeed. A trap may be the fault of an
    /// instance's past or of a passing shortage, so it gets its attempts too.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Retry { .. } | Self::Trap { .. } | Self::Host { .. } => true,
            Self::Reject { .. } | Self::ForbiddenJump { .. } | Self::HopBudget { .. } => false,
        }
    }

    /// A word for metrics and envelopes.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Retry { .. } => "retry",
            Self::Reject { .. } => "reject",
            Self::Trap { kind, .. } => kind.as_str(),
            Self::ForbiddenJump { .. } => "forbidden_jump",
            Self::HopBudget { .. } => "hop_budget",
            Self::Host { .. } => "host",
        }
    }
}
