//! When a changed file may be read: a state machine without clock, files or threads.
//!
//! It is told what happened ([`Hint`]), what a full scan found, and what a file holds when somebody looks. It answers
//! which files are due for a look, and what a look means. A file is due when it has been left alone for as long
//! as the last thing that happened to it demands ([`Quiet`]); hints that never arrive are made up for by scans.
//!
//! Some ways of writing cannot be told from having finished: a file that is appended to by one process after another
//! is closed after each part. So contents that look like a part (empty, much shorter than before, what was there
//! with more behind it, a new text file) are given the longer time, unless they were renamed into place.

mod doubt;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use bytes::Bytes;

use crate::Quiet;
use doubt::looks_partial;

/// What happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hint {
    /// Somebody wrote to it and still has it open.
    Written,
    /// A writer closed it.
    Closed,
    /// It was renamed into place, or the link that stands in its place points elsewhere.
    Placed,
    /// Something happened, or it appeared.
    Touched,
    /// It went away.
    Gone,
}

/// What tells one state of a file from another without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Print {
    pub(super) inode: u64,
    pub(super) bytes: u64,
    /// When its content or anything about it changed last, nanoseconds; only ever compared for equality.
    pub(super) changed_ns: i128,
    /// Where it really lies, when a link stands in its place.
    pub(super) target: Option<PathBuf>,
}

/// What somebody found who looked at a file.
#[derive(Clone, Debug)]
pub(super) enum Look {
    /// It is not there.
    Absent,
    /// It changed a moment ago, or while it was read.
    Busy,
    /// It is there and may not be read, for now.
    Unreadable,
    /// All of it, unchanged while it was read.
    Read(Print, Bytes),
}

/// What a look means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// Not settled: it will be due again.
    NotYet,
    /// It holds what it held.
    Same,
    /// It is new or holds something else.
    Holds(Bytes),
    /// It is gone.
    Removed,
}

/// The files of the watched folders.
pub(super) struct Settling {
    quiet: Quiet,
    files: BTreeMap<PathBuf, File>,
}

#[derive(Default)]
struct File {
    /// What was last taken from it.
    known: Option<(Print, Bytes)>,
    pending: Option<Pending>,
}

/// A file about which something is not known yet.
struct Pending {
    patience: Patience,
    /// The last sign of life.
    since: Instant,
    /// As of the last scan.
    print: Option<Print>,
    /// What looked like a part of something.
    doubted: Option<Bytes>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Patience {
    Placed,
    Closed,
    Doubtful,
    Open,
    Absent,
}

impl Settling {
    pub(super) fn new(quiet: Quiet) -> Self {
        Self { quiet, files: BTreeMap::new() }
    }

    /// Takes a file as it is, at the start.
    pub(super) fn begin_with(&mut self, path: PathBuf, print: Print, bytes: Bytes) {
        self.files.insert(path, File { known: Some((print, bytes)), pending: None });
    }

    /// Something happened to a file.
    pub(super) fn hint(&mut self, path: &Path, hint: Hint, now: Instant) {
        let patience = match hint {
            Hint::Written => Patience::Open,
            Hint::Closed => Patience::Closed,
            Hint::Placed => Patience::Placed,
            Hint::Touched => Patience::Doubtful,
            Hint::Gone => Patience::Absent,
        };
        self.files.entry(path.to_owned()).or_default().wait(patience, now);
    }

    /// Compares everything there is with what is known; makes up for hints that were lost.
    pub(super) fn scan(&mut self, found: &BTreeMap<PathBuf, Print>, now: Instant) {
        for (path, print) in found {
            self.files.entry(path.clone()).or_default().found(print, now);
        }
        let absent = self.files.iter_mut().filter(|(path, _)| !found.contains_key(*path));
        for (_, file) in absent {
            if file.pending.as_ref().is_none_or(|pending| pending.patience != Patience::Absent) {
                file.wait(Patience::Absent, now);
            }
        }
    }

    /// Files to look at now.
    pub(super) fn due(&self, now: Instant) -> Vec<PathBuf> {
        let due = |file: &File| self.due_at(file).is_some_and(|at| at <= now);
        self.files.iter().filter(|(_, file)| due(file)).map(|(path, _)| path.clone()).collect()
    }

    /// Whether this file is still due.
    pub(super) fn is_due(&self, path: &Path, now: Instant) -> bool {
        self.files.get(path).and_then(|file| self.due_at(file)).is_some_and(|at| at <= now)
    }

    /// When the next file is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.files.values().filter_map(|file| self.due_at(file)).min()
    }

    /// Whether some file is expected to settle in a moment, so that waiting for it is worth while.
    pub(super) fn is_lively(&self) -> bool {
        let soon = |pending: &Pending| matches!(pending.patience, Patience::Placed | Patience::Closed);
        self.files.values().filter_map(|file| file.pending.as_ref()).any(soon)
    }

    /// Files that are away, for good or for a moment.
    pub(super) fn away(&self) -> impl Iterator<Item = &PathBuf> {
        let is_away = |file: &File| file.pending.as_ref().is_some_and(|p| p.patience == Patience::Absent);
        self.files.iter().filter(move |(_, file)| is_away(file)).map(|(path, _)| path)
    }

    /// Somebody looked at a file that was due.
    pub(super) fn looked(&mut self, path: &Path, look: Look, now: Instant) -> Settled {
        let Some(file) = self.files.get_mut(path) else { return Settled::NotYet };
        let Some(pending) = &mut file.pending else { return Settled::NotYet };
        match look {
            Look::Busy => {
                pending.since = now;
                Settled::NotYet
            }
            Look::Unreadable => {
                file.wait(Patience::Doubtful, now);
                Settled::NotYet
            }
            Look::Absent if pending.patience != Patience::Absent => {
                file.wait(Patience::Absent, now);
                Settled::NotYet
            }
            Look::Absent => match self.files.remove(path).and_then(|file| file.known) {
                Some(_) => Settled::Removed,
                None => Settled::Same,
            },
            // It came back and nobody told us how.
            Look::Read(..) if pending.patience == Patience::Absent => {
                file.wait(Patience::Doubtful, now);
                Settled::NotYet
            }
            Look::Read(print, bytes) => file.holds(path, print, bytes),
        }
    }

    fn due_at(&self, file: &File) -> Option<Instant> {
        let pending = file.pending.as_ref()?;
        Some(pending.since + self.patience(pending.patience))
    }

    fn patience(&self, patience: Patience) -> Duration {
        match patience {
            Patience::Placed | Patience::Closed => self.quiet.closed,
            Patience::Doubtful => self.quiet.doubtful,
            Patience::Open => self.quiet.open,
            Patience::Absent => self.quiet.absent,
        }
    }
}

impl File {
    /// Waits from now on.
    fn wait(&mut self, patience: Patience, now: Instant) {
        let before = self.pending.take();
        let (print, doubted) = before.map_or((None, None), |pending| (pending.print, pending.doubted));
        self.pending = Some(Pending { patience, since: now, print, doubted });
    }

    /// A scan found it.
    fn found(&mut self, print: &Print, now: Instant) {
        match &mut self.pending {
            Some(pending) if pending.patience == Patience::Absent => self.wait(Patience::Doubtful, now),
            Some(pending) => {
                if pending.print.as_ref().is_some_and(|before| before != print) {
                    pending.since = now;
                }
            }
            None => match &self.known {
                Some((known, _)) if known == print => return,
                Some((known, _)) if print.target.is_some() && known.target != print.target => {
                    self.wait(Patience::Placed, now);
                }
                _ => self.wait(Patience::Doubtful, now),
            },
        }
        if let Some(pending) = &mut self.pending {
            pending.print = Some(print.clone());
        }
    }

    /// It was read whole, after having been left alone.
    fn holds(&mut self, path: &Path, print: Print, bytes: Bytes) -> Settled {
        let Some(pending) = &mut self.pending else { return Settled::NotYet };
        let known = self.known.as_ref().map(|(_, bytes)| bytes);
        if known == Some(&bytes) {
            self.known = Some((print, bytes));
            self.pending = None;
            return Settled::Same;
        }
        if pending.patience == Patience::Closed
            && looks_partial(path, &bytes, known, pending.doubted.as_ref())
        {
            pending.patience = Patience::Doubtful;
            pending.doubted = Some(bytes);
            return Settled::NotYet;
        }
        self.known = Some((print, bytes.clone()));
        self.pending = None;
        Settled::Holds(bytes)
    }
}
