//! How far an import came, so that it can go on there.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use model::derived_id;
use serde::{Deserialize, Serialize};

use crate::exit::Result;

/// Between two notes.
const EVERY: Duration = Duration::from_millis(500);

#[derive(Deserialize, Serialize)]
struct Note {
    file: PathBuf,
    to: String,
    what: String,
    /// Every line that ends at or before this byte was answered for.
    offset: u64,
}

pub(super) struct Resume {
    path: PathBuf,
    note: Note,
    /// Lines on their way: where each begins, and how many of its items are not answered for.
    open: BTreeMap<u64, usize>,
    /// Where the newest line ends that was begun.
    begun: u64,
    saved: Instant,
}

impl Resume {
    /// Looks for the note of an earlier import of the same file into the same node.
    ///
    /// # Errors
    /// There is no place to keep notes, or it is taken by the note of an import that is something else.
    pub(super) fn open(path: Option<&Path>, file: &Path, to: &str, what: &str) -> Result<Self> {
        let file = file.canonicalize().with_context(|| format!("failed to open `{}`", file.display()))?;
        let path = match path {
            Some(path) => path.to_owned(),
            None => {
                let id = derived_id(&[file.as_os_str().as_encoded_bytes(), to.as_bytes(), what.as_bytes()]);
                folder()?.join(format!("import-{id}.json"))
            }
        };
        let found = std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<Note>(&bytes).ok());
        if let Some(other) = found.as_ref().filter(|n| n.file != file || n.to != to || n.what != what) {
            bail!(
                "`{}` says how far the import of {} from `{}` to {} came; finish that one, give another `--state`, or \
                 delete the file",
                path.display(),
                other.what,
                other.file.display(),
                other.to,
            );
        }
        let offset = found.map_or(0, |note| note.offset);
        let note = Note { file, to: to.to_owned(), what: what.to_owned(), offset };
        Ok(Self { path, note, open: BTreeMap::new(), begun: offset, saved: Instant::now() })
    }

    /// Where to go on.
    pub(super) fn offset(&self) -> u64 {
        self.note.offset
    }

    /// Starts over: what was noted is forgotten, and a finished import leaves nothing.
    pub(super) fn forget(&mut self) {
        self.note.offset = 0;
        self.begun = 0;
        // It may never have been written.
        let _ = std::fs::remove_file(&self.path);
    }

    /// The line from `start` to `end` is on its way, as so many items.
    pub(super) fn begun(&mut self, start: u64, end: u64, items: usize) {
        self.begun = end;
        if items > 0 {
            self.open.insert(start, items);
        }
        self.advance();
    }

    /// One item of the line that begins at `start` was answered for.
    pub(super) fn answered(&mut self, start: u64) {
        if let Some(items) = self.open.get_mut(&start) {
            *items -= 1;
            if *items == 0 {
                self.open.remove(&start);
            }
        }
        self.advance();
    }

    /// Everything before the oldest line that is still on its way is done.
    fn advance(&mut self) {
        self.note.offset = self.open.first_key_value().map_or(self.begun, |(start, _)| *start);
    }

    /// Notes how far it came, if the last note is a while ago.
    ///
    /// # Errors
    /// As [`save`](Self::save).
    pub(super) fn save_now_and_then(&mut self) -> Result<()> {
        if self.saved.elapsed() < EVERY { Ok(()) } else { self.save() }
    }

    /// Notes how far it came.
    ///
    /// # Errors
    /// The note cannot be written.
    pub(super) fn save(&mut self) -> Result<()> {
        self.saved = Instant::now();
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let new = self.path.with_extension("new");
        let write = || -> std::io::Result<()> {
            std::fs::write(&new, serde_json::to_vec(&self.note)?)?;
            std::fs::rename(&new, &self.path)
        };
        write().with_context(|| {
            format!("failed to note how far it came in `{}` (`--state`)", self.path.display())
        })
    }
}

/// The user's folder for what programs remember.
fn folder() -> Result<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let state = state.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state")));
    Ok(state
        .context("there is no home folder: say with `--state` where to note how far it came")?
        .join("catena"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on_at_the_oldest_line_not_answered_for() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("edges.txt");
        std::fs::write(&file, "x").unwrap();
        let note = folder.path().join("note.json");
        let open = || Resume::open(Some(&note), &file, "http://node", "follows").unwrap();
        let mut resume = open();
        assert_eq!(resume.offset(), 0);
        resume.begun(0, 4, 2);
        resume.begun(4, 8, 1);
        resume.begun(8, 9, 0);
        resume.answered(4);
        assert_eq!(resume.offset(), 0);
        resume.answered(0);
        assert_eq!(resume.offset(), 0);
        resume.begun(9, 12, 1);
        resume.answered(0);
        assert_eq!(resume.offset(), 9);
        resume.save().unwrap();
        assert_eq!(open().offset(), 9);
        let other = Resume::open(Some(&note), &file, "http://other", "follows").err().unwrap().to_string();
        assert!(other.contains("the import of follows") && other.contains("to http://node came"), "{other}");
        resume.answered(9);
        assert_eq!(resume.offset(), 12);
        resume.forget();
        assert_eq!(open().offset(), 0);
    }
}
