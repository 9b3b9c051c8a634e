//! The reloader: folders in, generations out.
//!
//! Hints and scans feed [`settling`], which says when a file may be read. What settled is put on the [`shelf`], the chains it
//! concerns are [prepared](prepare) (compiled, warmed, tested) on a blocking thread, and what passed goes live in one
//! [`swap`]. Whatever fails leaves what runs running. Changes that arrive meanwhile wait and are taken
//! together: of a storm, the last state wins.

mod diff;
mod folder;
mod prepare;
mod rings;
mod settling;
mod shelf;
mod strangers;
mod swap;
mod watch;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use model::Name;
use parking_lot::Mutex;
use tokio::{sync::Notify, time::sleep_until};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    AwayFolder, Error, Options, Parts, Result, Watch,
    board::Board,
    generation::Drained,
    history::History,
    lane::{blocking, sentence},
    lanes::Lanes,
    metric,
    pin_fault::Current,
    table::{Chains, Table},
};
use folder::{Folder, Holds};
use prepare::{Against, Proposal};
use settling::{Look, Print, Settled, Settling};
use shelf::{Changed, Shelf};
use watch::{Note, Watcher};

/// How long settled changes wait for others that are about to settle: a deploy tool's files make one reload.
const GATHER: Duration = Duration::from_millis(150);

/// What the reloader works on together with the rest of the center.
pub(crate) struct Shared {
    pub(crate) options: Arc<Options>,
    pub(crate) parts: Parts,
    pub(crate) table: Arc<Table>,
    pub(crate) lanes: Arc<Lanes>,
    pub(crate) history: Arc<History>,
    pub(crate) board: Arc<Board>,
}

/// Owns the table: nothing else swaps it.
pub(crate) struct Reloader {
    shared: Shared,
    folders: Vec<Folder>,
    /// Which folder each was when it was last watched.
    identities: Vec<Option<u64>>,
    watcher: Option<Watcher>,
    settling: Settling,
    /// Locked by one reload at a time, for as long as it compiles.
    shelf: Arc<Mutex<Shelf>>,
    /// Settled and not yet taken, by path; `None` is gone.
    gathered: BTreeMap<PathBuf, Option<Bytes>>,
    gathered_since: Option<Instant>,
    /// Of every generation that was made live here.
    drains: HashMap<(Name, u64), Drained>,
    wanderers: Current,
    /// Chains that went while nobody watched are looked for once.
    strangers_sought: bool,
    receipts: TaskTracker,
}

impl std::ops::Deref for Reloader {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.shared
    }
}

impl Reloader {
    /// Loads what is there, once, and answers when it runs and its receipts are written.
    pub(crate) async fn start(shared: Shared) -> Result<Self> {
        let options = Arc::clone(&shared.options);
        let folders = vec![
            Folder::new(&options.chains_dir, Holds::Chains),
            Folder::new(&options.bundles_dir, Holds::Bundles),
        ];
        // Watching begins before the first look, so that nothing falls in between.
        let watcher = match options.watch {
            Watch::Events(_) => watch(&folders),
            Watch::Poll(_) => None,
        };
        let bundles = Arc::clone(&shared.parts.bundles);
        let shelf = blocking(move || Shelf::new(&*bundles)).await?;
        let mut reloader = Self {
            identities: folders.iter().map(Folder::identity).collect(),
            folders,
            watcher,
            settling: Settling::new(options.quiet),
            shelf: Arc::new(Mutex::new(shelf)),
            gathered: BTreeMap::new(),
            gathered_since: None,
            drains: HashMap::new(),
            wanderers: Current::default(),
            strangers_sought: false,
            receipts: TaskTracker::new(),
            shared,
        };
        reloader.first_load().await?;
        reloader.note_away(Vec::new());
        Ok(reloader)
    }

    /// Takes every file that does not change under the eyes of two looks; the others come when they settle.
    async fn first_load(&mut self) -> Result<()> {
        let folders = self.folders.clone();
        let quiet = self.options.quiet.closed;
        let (looks, found) = blocking(move || {
            let first = scan(&folders)?;
            std::thread::sleep(quiet);
            let looks: Vec<_> = first
                .into_iter()
                .map(|(path, print)| (folder::look(&path, Duration::ZERO), path, print))
                .collect();
            Ok::<_, Error>((looks, scan(&folders)?))
        })
        .await??;
        let mut settled = Vec::new();
        for (look, path, before) in looks {
            if let Look::Read(print, bytes) = look
                && print == before
            {
                self.settling.begin_with(path.clone(), print, bytes.clone());
                settled.push((path, Some(bytes)));
            }
        }
        self.settling.scan(&found, Instant::now());
        for pending in self.load(settled, true).await? {
            pending.conclude(Duration::ZERO, Arc::clone(&self.history)).await;
        }
        Ok(())
    }

    /// Follows the folders until `close`, then lets the lanes finish.
    pub(crate) async fn run(mut self, close: CancellationToken, rescan: Arc<Notify>) {
        let mut scan_at = Instant::now() + self.options.watch.interval();
        let mut turns = self.parts.placement.changes();
        let (mut reminding, mut remind_at) = (None, Instant::now());
        loop {
            if Instant::now() >= remind_at {
                self.remind(&mut reminding, &close);
                remind_at = Instant::now() + self.options.watch.interval();
            }
            let sought = self.strangers_sought;
            let wake = self.wake_at().into_iter().chain([scan_at, remind_at]).min().unwrap_or(scan_at);
            let mut scan_now = false;
            tokio::select! {
                () = close.cancelled() => break,
                () = rescan.notified() => scan_now = true,
                () = next_turn(&mut turns) => self.lanes.fit(&self.table.all()),
                note = next_note(&mut self.watcher) => scan_now = self.note(note),
                () = sleep_until(wake.into()) => {}
            }
            while let Some(note) = self.watcher.as_mut().and_then(Watcher::ready) {
                scan_now |= self.note(note);
            }
            let in_turn = Instant::now() >= scan_at;
            if scan_now || in_turn {
                self.scan().await;
                scan_at = Instant::now() + self.options.watch.interval();
            }
            self.look().await;
            if self.is_time() || (in_turn && self.shelf.lock().any_refusal(swap::may_pass)) {
                self.reload().await;
            }
            if sought != self.strangers_sought {
                remind_at = Instant::now();
            }
        }
        // Old generations end with the lanes' last messages, and their receipts with them.
        self.lanes.close().await;
        self.table.swap(Chains::new());
        self.receipts.close();
        self.receipts.wait().await;
    }

    /// Takes a note; answers whether it asks for a scan.
    fn note(&mut self, note: Note) -> bool {
        match note {
            Note::Scan => true,
            Note::File(path, hint) => {
                self.settling.hint(&path, hint, Instant::now());
                false
            }
        }
    }

    async fn scan(&mut self) {
        let folders = self.folders.clone();
        let done = blocking(move || {
            let identities: Vec<_> = folders.iter().map(Folder::identity).collect();
            (identities, folders.iter().map(scanned).collect::<Vec<_>>())
        });
        let (identities, scans) = match done.await {
            Ok(done) => done,
            Err(error) => return tracing::error!(error = sentence(&error), "the folders cannot be scanned"),
        };
        let mut found = BTreeMap::new();
        let mut away = Vec::new();
        for (folder, scan) in self.folders.iter().zip(scans) {
            match scan {
                Ok(files) => found.extend(files),
                Err(error) => away.push(AwayFolder { path: folder.path.clone(), reason: sentence(&error) }),
            }
        }
        // A folder that is being exchanged is away for a moment. What runs is not taken away because of it.
        if away.is_empty() {
            self.watch_moved(identities);
            self.settling.scan(&found, Instant::now());
        }
        self.note_away(away);
    }

    /// Notes which folders cannot be read, and says so once for each, and when it is back.
    fn note_away(&self, away: Vec<AwayFolder>) {
        let before = self.board.read().away;
        let is_in =
            |folder: &AwayFolder, list: &[AwayFolder]| list.iter().any(|other| other.path == folder.path);
        for folder in away.iter().filter(|folder| !is_in(folder, &before)) {
            let advice = "what runs stays; put the folder back, and its changes are taken up";
            tracing::warn!("{}; {advice}", folder.reason);
        }
        for folder in before.iter().filter(|folder| !is_in(folder, &away)) {
            tracing::info!("the folder `{}` is back", folder.path.display());
        }
        metrics::gauge!(metric::FOLDERS_AWAY).set(f64::from(u32::try_from(away.len()).unwrap_or(u32::MAX)));
        self.board.write(|notes| notes.away = away);
    }

    /// Watches folders anew that were moved into the place of the ones watched.
    fn watch_moved(&mut self, identities: Vec<Option<u64>>) {
        let Some(watcher) = &mut self.watcher else { return };
        for ((folder, was), is) in self.folders.iter().zip(&mut self.identities).zip(identities) {
            if *was != is {
                match watcher.watch(folder) {
                    Ok(()) => *was = is,
                    Err(error) => tracing::warn!(%error, "scans have to do until the folder can be watched"),
                }
            }
        }
    }

    /// Looks at every file that is due, and gathers what settled.
    async fn look(&mut self) {
        let due = self.settling.due(Instant::now());
        if due.is_empty() {
            return;
        }
        let quiet = self.options.quiet.closed;
        let looks = blocking(move || {
            let look = |path: PathBuf| (folder::look(&path, quiet), path);
            due.into_iter().map(look).collect::<Vec<_>>()
        });
        let Ok(looks) = looks.await else { return };
        // What happened while we looked counts: it makes the look worthless.
        while let Some(note) = self.watcher.as_mut().and_then(Watcher::ready) {
            if self.note(note) {
                self.scan().await;
            }
        }
        let now = Instant::now();
        for (look, path) in looks {
            if !self.settling.is_due(&path, now) {
                continue;
            }
            let bytes = match self.settling.looked(&path, look, now) {
                Settled::NotYet | Settled::Same => continue,
                Settled::Holds(bytes) => Some(bytes),
                Settled::Removed => None,
            };
            self.gathered.insert(path, bytes);
            self.gathered_since.get_or_insert(now);
        }
    }

    /// When there is something to do, unless something happens before.
    fn wake_at(&self) -> Option<Instant> {
        let gathered = self.gathered_since.map(|since| since + GATHER);
        self.settling.next_due().into_iter().chain(gathered).min()
    }

    /// Whether what was gathered should be taken now.
    fn is_time(&self) -> bool {
        let waited = |since: Instant| since.elapsed() >= GATHER;
        self.gathered_since.is_some_and(|since| waited(since) || !self.settling.is_lively())
    }

    async fn reload(&mut self) {
        self.gathered_since = None;
        let settled = std::mem::take(&mut self.gathered).into_iter().collect();
        match self.load(settled, false).await {
            Ok(pending) => {
                for pending in pending {
                    let conclude = pending.conclude(self.options.drain_max, Arc::clone(&self.history));
                    self.receipts.spawn(conclude);
                }
            }
            Err(error) => tracing::error!(error = sentence(&error), "a reload broke off; what runs stays"),
        }
    }

    /// Shelf → plans → live.
    async fn load(&mut self, settled: Vec<shelf::Settled>, starting: bool) -> Result<Vec<swap::Pending>> {
        let (changed, proposals, read) = self.prepare(settled, starting).await?;
        let pending = self.go_live(proposals, &changed, read).await;
        self.seek_strangers().await;
        Ok(pending)
    }

    async fn prepare(
        &mut self,
        settled: Vec<shelf::Settled>,
        starting: bool,
    ) -> Result<(Changed, Vec<Proposal>, Duration)> {
        let away: HashSet<_> = self.settling.away().cloned().collect();
        let (folders, bundles) = (self.folders.clone(), Arc::clone(&self.parts.bundles));
        let (live, fault, current) = (self.table.all(), self.options.fault, Arc::clone(&self.wanderers));
        let shelf = Arc::clone(&self.shelf);
        blocking(move || {
            let mut shelf = shelf.lock();
            let started = Instant::now();
            let changed = shelf.take(settled, starting, &folders, &*bundles);
            let read = started.elapsed();
            let against = Against { live: &live, away: &away, fault, current: &current };
            let proposals = prepare::prepare(&shelf, &changed, &against);
            (changed, proposals, read)
        })
        .await
    }
}

/// A node that cannot watch (the system's watches are used up, say) is slower, not dead.
fn watch(folders: &[Folder]) -> Option<Watcher> {
    let watcher = Watcher::new(folders);
    watcher.inspect_err(|error| tracing::warn!(error = sentence(error), "scans have to do")).ok()
}

fn scan(folders: &[Folder]) -> Result<BTreeMap<PathBuf, Print>> {
    let scans: Vec<_> = folders.iter().map(scanned).collect::<Result<_>>()?;
    Ok(scans.into_iter().flatten().collect())
}

fn scanned(folder: &Folder) -> Result<BTreeMap<PathBuf, Print>> {
    folder.scan().map_err(|source| Error::Folder { path: folder.path.clone(), source })
}

/// Waits until other partitions may be worked on here.
async fn next_turn(turns: &mut tokio::sync::watch::Receiver<u64>) {
    if turns.changed().await.is_err() {
        std::future::pending().await
    }
}

async fn next_note(watcher: &mut Option<Watcher>) -> Note {
    match watcher {
        Some(watcher) => watcher.next().await,
        None => std::future::pending().await,
    }
}
