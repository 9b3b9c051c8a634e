//! What goes wrong below, as clients see it. What is nobody's mistake is logged too.

use std::error::Error;

use serve::Problem;

/// After an overload, when to come back, in seconds.
const RETRY_AFTER_SECONDS: u32 = 1;

pub(crate) fn of_bus(error: &bus::Error) -> Problem {
    match error {
        bus::Error::Overloaded { .. } => Problem::overloaded(RETRY_AFTER_SECONDS, error.to_string()),
        bus::Error::UnknownStream { .. } => Problem::not_found(error.to_string()),
        bus::Error::TooLarge { bytes_max, .. } => Problem::too_large(*bytes_max),
        _ => {
            tracing::warn!(error = %chain(error), "the bus failed the management plane");
            Problem::unavailable(chain(error))
        }
    }
}

pub(crate) fn of_center(error: &mpc::Error) -> Problem {
    match error {
        mpc::Error::NoDeadLetter { .. } => Problem::not_found(error.to_string()),
        mpc::Error::Bus(error) => of_bus(error),
        _ => failed(error),
    }
}

pub(crate) fn of_inbox(error: &inbox::Error) -> Problem {
    match error {
        inbox::Error::Bus { source } => of_bus(source),
        _ => failed(error),
    }
}

/// Our fault.
pub(crate) fn failed(error: &dyn Error) -> Problem {
    tracing::error!(error = %chain(error), "the management plane failed");
    Problem::internal(chain(error))
}

/// An error and its causes on one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(&format!(": {error}"));
        cause = error.source();
    }
    line
}
