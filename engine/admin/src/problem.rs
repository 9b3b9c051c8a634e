//! What goes wrong below, as clients see it.

use serve::Problem;

pub(crate) fn of_bus(error: &bus::Error) -> Problem {
    match error {
        bus::Error::Overloaded { .. } => Problem::overloaded(1, error.to_string()),
        bus::Error::UnknownStream { .. } => Problem::not_found(error.to_string()),
        _ => Problem::unavailable(error.to_string()),
    }
}

pub(crate) fn of_center(error: &mpc::Error) -> Problem {
    match error {
        mpc::Error::NoDeadLetter { .. } => Problem::not_found(error.to_string()),
        mpc::Error::Bus(error) => of_bus(error),
        _ => Problem::internal(error.to_string()),
    }
}

pub(crate) fn of_inbox(error: &inbox::Error) -> Problem {
    match error {
        inbox::Error::Bus { source } => of_bus(source),
        _ => Problem::internal(error.to_string()),
    }
}
