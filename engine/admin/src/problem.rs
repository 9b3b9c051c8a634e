//! What goes wrong below, as clients see it. What is nobody's mistake is logged too.

use std::error::Error;

use model::chain_of;
use serve::Problem;

/// After an overload, when to come back, in seconds.
const RETRY_AFTER_SECONDS: u32 = 1;

pub(crate) fn of_bus(error: &bus::Error) -> Problem {
    match error {
        bus::Error::Overloaded { .. } => Problem::overloaded(RETRY_AFTER_SECONDS, error.to_string()),
        bus::Error::UnknownStream { .. } => Problem::not_found(error.to_string()),
        bus::Error::TooLarge { bytes_max, .. } => Problem::too_large(*bytes_max),
        _ => {
            tracing::warn!(error = %chain_of(error), "the bus failed the management plane");
            Problem::unavailable(chain_of(error))
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
    tracing::error!(error = %chain_of(error), "the management plane failed");
    Problem::internal(chain_of(error))
}
