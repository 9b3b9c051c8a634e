//! What goes wrong below, as clients see it.

use std::error::Error;

use model::chain_of;
use serve::Problem;

use crate::posts::IDEMPOTENCY_KEY;

/// After an overload, when to come back, in seconds.
const RETRY_AFTER_SECONDS: u32 = 1;

/// A post that cannot be taken.
pub(crate) fn invalid(invalid: &feed::Invalid) -> Problem {
    Problem::body(invalid.field, invalid.to_string())
}

/// Something the feed did not accept, or may have accepted without being able to say so.
pub(crate) fn refused(error: &feed::Error) -> Problem {
    if let feed::Error::Unowned { role, .. } = error {
        let problem = Problem::not_found(error.to_string());
        return match *role {
            "actor" => problem.pointer("/actor"),
            "user" => problem.field("uid"),
            "post" => problem.field("id"),
            role => problem.field(role),
        };
    }
    let feed::Error::Bus { source } = error else {
        tracing::error!(error = %chain_of(error), "refused");
        return Problem::internal(told(error, error));
    };
    if let bus::Error::Overloaded { .. } = **source {
        return Problem::overloaded(RETRY_AFTER_SECONDS, told(error, &**source));
    }
    // The bus itself says once that it failed; this would say it for every post.
    tracing::debug!(error = %chain_of(source), "refused: the bus did not take it");
    Problem::unavailable(told(error, &**source))
}

/// Why, and what has become of the request.
fn told(error: &feed::Error, why: &dyn Error) -> String {
    if error.took_nothing() {
        return format!("nothing was taken: {why}");
    }
    format!(
        "{why}; it is not known whether it was stored; send it again, a post under the same {IDEMPOTENCY_KEY}"
    )
}

/// A read that an inbox could not answer.
pub(crate) fn unread(error: &inbox::Error) -> Problem {
    match error {
        inbox::Error::Unowned { .. } => return Problem::not_found(error.to_string()).field("uid"),
        inbox::Error::NotServing { .. } | inbox::Error::NoAnswer { .. } => {
            // Ordinary while shards move.
            tracing::warn!(error = %chain_of(error), "an inbox could not be read in time");
            return Problem::unavailable(format!("{error}; ask again in a moment"));
        }
        _ => {}
    }
    tracing::error!(error = %chain_of(error), "failed to read an inbox");
    if error.retryable() {
        Problem::unavailable(error.to_string())
    } else {
        Problem::internal(error.to_string())
    }
}
