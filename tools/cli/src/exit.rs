//! How the command ends: 0 done, 1 failed, 64 called wrongly (`EX_USAGE` of sysexits).

use std::{fmt, io, process::ExitCode};

use crate::output::talk;

pub(crate) type Result<T, E = anyhow::Error> = std::result::Result<T, E>;

const USAGE: u8 = 64;

/// The command was called in a way that cannot work: exit 64.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Everything was said already; only the exit code is left to give.
#[derive(Debug)]
pub(crate) struct Failed;

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("failed")
    }
}

impl std::error::Error for Failed {}

/// Prints why a command failed, the chain of causes in one line, and says how to exit.
pub(crate) fn code(done: Result<()>) -> ExitCode {
    let Err(error) = done else { return ExitCode::SUCCESS };
    if error.is::<Failed>() {
        return ExitCode::FAILURE;
    }
    let closed = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    };
    if error.chain().any(closed) {
        // Whoever read our output has enough, as in `catena … | head`.
        return ExitCode::SUCCESS;
    }
    talk(&format!("error: {error:#}"));
    if error.is::<Usage>() { ExitCode::from(USAGE) } else { ExitCode::FAILURE }
}

/// Help and version are answers; everything else clap has to say is a wrong call.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let asked = !error.use_stderr();
    // Nothing can be done about a closed terminal.
    let _ = error.print();
    if asked { ExitCode::SUCCESS } else { ExitCode::from(USAGE) }
}
