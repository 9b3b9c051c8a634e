use crate::{Error, api::full};

/// Why a message was not published, for one message of several.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    Full(String),
    TooLarge { bytes: usize, bytes_max: usize },
    Moved { stream: String, partition: u32, after: u64 },
    Away(String),
    Unavailable(String),
}

impl Failure {
    /// What an answer with this code means for good.
    pub(super) fn refused(code: u64, what: &str, bytes: usize) -> Self {
        match (code, full(code, what)) {
            (_, Some(Error::Full { reason })) => Self::Full(reason),
            (10054 | 10097, _) => Self::TooLarge { bytes, bytes_max: crate::stream::MESSAGE_BYTES_MAX },
            _ => Self::Unavailable(format!("JetStream refused a message: {what} ({code})")),
        }
    }

    /// The failure of a part, where another part was stored or may have been.
    pub(super) fn of_a_part(self) -> Self {
        match self {
            Self::Full(reason) => Self::Away(format!("a part may have been stored, then: {reason}")),
            other => other,
        }
    }

    /// `took_part`: something of the same call was stored, so that no error may say that nothing was.
    pub(super) fn into_error(self, took_part: bool) -> Error {
        match if took_part { self.of_a_part() } else { self } {
            Self::Full(reason) => Error::Full { reason },
            Self::TooLarge { bytes, bytes_max } => Error::TooLarge { bytes, bytes_max },
            Self::Moved { stream, partition, after } => Error::Moved { stream, partition, after },
            Self::Away(reason) => Error::Away { reason },
            Self::Unavailable(reason) => Error::Unavailable { reason },
        }
    }
}
