//! Logs and metrics: one place that sets them up.
//!
//! Logs go to stderr, as text for people or JSON lines for machines; stdout is left to data. Metrics are
//! recorded through the `metrics` crate and rendered here in Prometheus' text form; whoever serves HTTP
//! serves the text. Both are process-wide, so setting them up twice (tests, several nodes in one process)
//! keeps the first.

mod logs;
mod metrics;

pub use logs::{FILTER_DEFAULT, LogFormat, UnknownLogFormat, check_filter, init};
pub use metrics::{LATENCY_BUCKETS_SECONDS, Metrics};

use thiserror::Error;

/// Telemetry could not be set up.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The log filter has a mistake.
    #[error("`{filter}` is not a log filter: write `info`, or `info,catena_mpc=debug`")]
    Filter {
        /// The filter as given.
        filter: String,
        /// What is wrong with it.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// A part of the log filter is a word that says nothing.
    #[error(
        "`{word}` is no level of a log filter: write off, error, warn, info, debug or trace, and for a part of the program \
         alone its name before it, as in `info,catena_mpc=debug`"
    )]
    NoLevel {
        /// The word.
        word: String,
    },
    /// The metrics recorder was refused.
    #[error("failed to install the metrics recorder: {reason}")]
    Recorder {
        /// Why.
        reason: String,
    },
}
