use std::io::IsTerminal;

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

use crate::Error;

/// What is logged when nothing else is asked for.
pub const FILTER_DEFAULT: &str = "info";

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum LogFormat {
    /// A line for people, coloured on a terminal.
    #[default]
    Text,
    /// A JSON object per line.
    Json,
}

/// A text that is not a log format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a log format: write `text` or `json`")]
pub struct UnknownLogFormat(String);

impl std::str::FromStr for LogFormat {
    type Err = UnknownLogFormat;
    fn from_str(text: &str) -> Result<Self, UnknownLogFormat> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            other => Err(UnknownLogFormat(other.to_owned())),
        }
    }
}

impl TryFrom<String> for LogFormat {
    type Error = UnknownLogFormat;
    fn try_from(text: String) -> Result<Self, UnknownLogFormat> {
        text.parse()
    }
}

impl From<LogFormat> for String {
    fn from(format: LogFormat) -> Self {
        format.to_string()
    }
}

impl std::fmt::Display for LogFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}

/// Whether `filter` can be given to [`init`].
///
/// # Errors
/// [`Error::Filter`] or [`Error::NoLevel`] when it has a mistake.
pub fn check_filter(filter: &str) -> Result<(), Error> {
    parse(filter).map(drop)
}

/// What a part of a filter may be that names no target.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

fn parse(filter: &str) -> Result<EnvFilter, Error> {
    // `tracing` takes any word for the name of a crate, whose every line it then lets through, and no other's: of a
    // misspelt level nothing would be heard but silence.
    let stray = |word: &&str| {
        let is_level =
            LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word)) || word.parse::<u8>().is_ok();
        !word.is_empty() && !word.contains(['=', '[', ']', '{', '}']) && !is_level
    };
    if let Some(word) = filter.split(',').map(str::trim).find(stray) {
        return Err(Error::NoLevel { word: word.to_owned() });
    }
    EnvFilter::try_new(filter).map_err(|source| Error::Filter { filter: filter.to_owned(), source })
}

/// Sends what `tracing` says to stderr, as far as `filter` lets it (`info`, `info,catena_mpc=debug`, …).
/// A second call leaves the first in place.
///
/// # Errors
/// As [`check_filter`]; nothing is set up then.
pub fn init(format: LogFormat, filter: &str) -> Result<(), Error> {
    let parsed = parse(filter)?;
    let lines = tracing_subscriber::fmt().with_env_filter(parsed).with_writer(std::io::stderr);
    // `try_init` fails only where a subscriber is already in place: the first one stays.
    let _ = match format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).try_init(),
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_init_is_harmless_and_a_bad_filter_is_named() {
        init(LogFormat::Json, "warn").unwrap();
        init(LogFormat::Text, "info,catena_mpc=debug").unwrap();
        let error = init(LogFormat::Text, "mpc=loud").unwrap_err();
        assert!(error.to_string().contains("`mpc=loud`"), "{error}");
    }

    #[test]
    fn a_word_that_is_no_level_is_refused_and_every_level_taken() {
        for filter in [
            "info",
            "WARN",
            "off",
            "info,catena_mpc=debug",
            "warn,catena_bus=trace",
            "[lane]=debug",
            "",
            "info, warn",
            "3",
        ] {
            check_filter(filter).unwrap();
        }
        for (filter, word) in [("blah", "`blah`"), ("inof", "`inof`"), ("info,catena_mpc", "`catena_mpc`")] {
            let error = check_filter(filter).unwrap_err().to_string();
            assert!(error.contains(word) && error.contains("catena_mpc=debug"), "{error}");
        }
    }

    #[test]
    fn formats_survive_text() {
        for format in [LogFormat::Text, LogFormat::Json] {
            assert_eq!(format.to_string().parse::<LogFormat>().unwrap(), format);
        }
        assert!("xml".parse::<LogFormat>().is_err());
    }
}
