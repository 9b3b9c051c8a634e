//! What the operating system says about the folders, as hints. A hint may be late, lost or wrong: the full scan and
//! the look at the file make up for it.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _,
    event::{AccessKind, AccessMode, ModifyKind, RenameMode},
};
use tokio::sync::mpsc;

use super::{folder::Folder, settling::Hint};
use crate::{Error, Result};

/// Hints that may wait. Past it they are dropped, and a full scan makes up for them.
const WAITING_MAX: usize = 4_096;

/// What the watcher has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// Something happened to a file that matters.
    File(PathBuf, Hint),
    /// Something happened that only a full scan can make sense of.
    Scan,
}

/// Watches folders for as long as it lives.
pub(super) struct Watcher {
    inner: RecommendedWatcher,
    notes: mpsc::Receiver<Note>,
    lost: Arc<AtomicBool>,
}

impl Watcher {
    pub(super) fn new(folders: &[Folder]) -> Result<Self> {
        let (sender, notes) = mpsc::channel(WAITING_MAX);
        let lost = Arc::new(AtomicBool::new(false));
        let (known, missed) = (folders.to_vec(), Arc::clone(&lost));
        let tell = move |event: notify::Result<Event>| {
            for note in notes_of(event, &known) {
                if sender.try_send(note).is_err() {
                    missed.store(true, Ordering::Release);
                }
            }
        };
        let path = folders.first().map(|folder| folder.path.clone()).unwrap_or_default();
        let inner = notify::recommended_watcher(tell).map_err(|source| Error::Watch { path, source })?;
        let mut watcher = Self { inner, notes, lost };
        for folder in folders {
            watcher.watch(folder)?;
        }
        Ok(watcher)
    }

    /// Watches the folder that lies there now.
    pub(super) fn watch(&mut self, folder: &Folder) -> Result<()> {
        // It fails when nothing was watched there, which is as well.
        let _ = self.inner.unwatch(&folder.path);
        let watched = self.inner.watch(&folder.path, RecursiveMode::NonRecursive);
        watched.map_err(|source| Error::Watch { path: folder.path.clone(), source })
    }

    /// The next note.
    pub(super) async fn next(&mut self) -> Note {
        if self.lost.swap(false, Ordering::AcqRel) {
            return Note::Scan;
        }
        match self.notes.recv().await {
            Some(note) => note,
            // The sender lives in `inner`, so this is the watcher's thread having died: scans go on.
            None => std::future::pending().await,
        }
    }

    /// A note that is there already.
    pub(super) fn ready(&mut self) -> Option<Note> {
        self.notes.try_recv().ok()
    }
}

fn notes_of(event: notify::Result<Event>, folders: &[Folder]) -> Vec<Note> {
    let event = match event {
        Ok(event) => event,
        Err(error) => {
            tracing::warn!(%error, "the watcher failed; a full scan makes up for it");
            return vec![Note::Scan];
        }
    };
    if event.need_rescan() {
        return vec![Note::Scan];
    }
    let Some(hint) = hint(event.kind) else { return Vec::new() };
    let note = |path: PathBuf| match folders.iter().find_map(|folder| folder.known(&path)) {
        Some(path) => Some(Note::File(path, hint)),
        // A link that other files lead through, the folder itself: what that means, only a scan can tell.
        None => matches!(hint, Hint::Placed | Hint::Touched | Hint::Gone).then_some(Note::Scan),
    };
    event.paths.into_iter().filter_map(note).collect()
}

fn hint(kind: EventKind) -> Option<Hint> {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Some(Hint::Closed),
        // Reading, and opening: the engine does so itself.
        EventKind::Access(_) => None,
        EventKind::Create(_) => Some(Hint::Touched),
        EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From)) => Some(Hint::Gone),
        EventKind::Modify(ModifyKind::Name(RenameMode::To)) => Some(Hint::Placed),
        // The sum of the two above.
        EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => None,
        // Permissions and dates. A file that could not be read is looked at again anyway.
        EventKind::Modify(ModifyKind::Metadata(_)) => None,
        // Only where closing is reported too can a write be told to be unfinished.
        EventKind::Modify(ModifyKind::Data(_)) if cfg!(target_os = "linux") => Some(Hint::Written),
        EventKind::Modify(_) | EventKind::Any | EventKind::Other => Some(Hint::Touched),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use notify::event::{CreateKind, Flag};

    use super::*;
    use crate::reload::folder::Holds;

    #[test]
    fn rescans_and_links_ask_for_a_scan_and_files_for_patience() {
        let folders = [Folder::new(Path::new("c"), Holds::Chains)];
        let notes = |kind, path: &str| notes_of(Ok(Event::new(kind).add_path(path.into())), &folders);
        let to = EventKind::Modify(ModifyKind::Name(RenameMode::To));
        assert_eq!(notes(to, "c/feed.toml"), [Note::File("c/feed.toml".into(), Hint::Placed)]);
        assert_eq!(notes(to, "c/..data"), [Note::Scan]);
        assert_eq!(
            notes(EventKind::Create(CreateKind::File), "c/feed.toml"),
            [Note::File("c/feed.toml".into(), Hint::Touched)]
        );
        assert!(
            notes(EventKind::Access(AccessKind::Close(AccessMode::Write)), "c/.feed.toml.swp").is_empty()
        );
        let rescan = Event::new(EventKind::Other).set_flag(Flag::Rescan);
        assert_eq!(notes_of(Ok(rescan), &folders), [Note::Scan]);
        assert_eq!(notes_of(Err(notify::Error::generic("x")), &folders), [Note::Scan]);
    }
}
