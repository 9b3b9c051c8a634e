//! The handle that the rest of the node holds, and the order in which everything starts and ends.

use std::sync::Arc;

use model::Name;
use tokio::sync::{Notify, broadcast};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    AwayFolder, BundlesStatus, ChainStatus, GenerationStatus, NotReady, Options, Parts, Receipt, Result,
    StepStatus,
    board::{Board, FileNote},
    dead::{self, DeadLetters},
    generation::Live,
    history::History,
    lane::blocking,
    lanes::Lanes,
    reload::{Reloader, Shared},
    table::Table,
};

/// The message processor center. Clones are cheap and the same; it works until [`drain`](Self::drain) or until the last
/// clone is dropped.
#[derive(Clone)]
pub struct Center(Arc<Inner>);

struct Inner {
    table: Arc<Table>,
    lanes: Arc<Lanes>,
    history: Arc<History>,
    board: Arc<Board>,
    dead_letters: DeadLetters,
    rescan: Arc<Notify>,
    close: CancellationToken,
    tasks: TaskTracker,
}

impl Center {
    /// Loads chains and bundles, once, and starts working. A chain that cannot run is refused with a receipt, and the
    /// others run.
    ///
    /// # Errors
    /// [`Error::Folder`], [`Error::Watch`], or what store and bus answer.
    pub async fn start(options: Options, parts: Parts) -> Result<Self> {
        let dead_letters = DeadLetters::open(Arc::clone(&parts.bus), Arc::clone(&parts.store)).await?;
        let store = Arc::clone(&parts.store);
        let history = Arc::new(blocking(move || History::open(store)).await??);
        let options = Arc::new(options);
        let (table, board) = (Arc::new(Table::new()), Arc::new(Board::default()));
        let lanes = Lanes::new(dead::stream()?, Arc::clone(&table), parts.clone(), Arc::clone(&options))?;
        let lanes = Arc::new(lanes);
        let inner = Inner {
            table: Arc::clone(&table),
            lanes: Arc::clone(&lanes),
            history: Arc::clone(&history),
            board: Arc::clone(&board),
            dead_letters,
            rescan: Arc::new(Notify::new()),
            close: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        let keep = inner.dead_letters.clone().keep(options.outputs_retain_messages);
        let reloader = Reloader::start(Shared { options, parts, table, lanes, history, board }).await?;
        inner.tasks.spawn(reloader.run(inner.close.clone(), Arc::clone(&inner.rescan)));
        inner.tasks.spawn(inner.close.clone().run_until_cancelled_owned(keep));
        inner.tasks.close();
        Ok(Self(Arc::new(inner)))
    }

    /// The newest `max` receipts, newest first; the last 1,000 are kept, through restarts.
    #[must_use]
    pub fn receipts(&self, max: usize) -> Vec<Receipt> {
        self.0.history.newest(max)
    }

    /// Receipts from now on.
    #[must_use]
    pub fn subscribe_receipts(&self) -> broadcast::Receiver<Receipt> {
        self.0.history.subscribe()
    }

    /// Every chain, running or refused, by name.
    #[must_use]
    pub fn chains(&self) -> Vec<ChainStatus> {
        let running = self.0.table.all();
        let notes = self.0.board.read();
        let mut chains: Vec<_> = running.values().map(|live| self.running(live)).collect();
        // What runs first, so that a chain two files name is shown with the one it runs from.
        let (run, refused): (Vec<_>, Vec<_>) =
            notes.files.into_iter().partition(|(_, note)| note.refused.is_none());
        for (path, FileNote { chain, refused }) in run.into_iter().chain(refused) {
            // A text too broken to name its chain goes by the name of its file.
            let stem = || path.file_stem().and_then(|stem| Name::new(stem.to_str()?).ok());
            let Some(id) = chain.or_else(stem) else { continue };
            match chains.iter_mut().find(|status| status.id == id) {
                Some(status) if status.path.as_os_str().is_empty() => {
                    status.path = path;
                    status.refused = refused;
                }
                Some(_) => {}
                None => chains.push(ChainStatus { path, refused, ..ChainStatus::of(id) }),
            }
        }
        chains.sort_by(|a, b| a.id.cmp(&b.id));
        chains
    }

    fn running(&self, live: &Live) -> ChainStatus {
        ChainStatus {
            generation: Some(live.generation),
            input: Some(live.plan.input.clone()),
            output: Some(live.plan.output.clone()),
            steps: StepStatus::of(&live.plan),
            messages: live.tally(),
            lanes: self.0.lanes.status(&live.plan.id),
            ..ChainStatus::of(live.plan.id.clone())
        }
    }

    /// Every generation in memory, oldest first: the current ones, and old ones that still have messages.
    #[must_use]
    pub fn generations(&self) -> Vec<GenerationStatus> {
        self.0.table.generations()
    }

    /// The folder of bundles.
    #[must_use]
    pub fn bundles(&self) -> BundlesStatus {
        self.0.board.read().bundles
    }

    /// The folders of chains and bundles that could not be read when they were last looked at.
    #[must_use]
    pub fn away(&self) -> Vec<AwayFolder> {
        self.0.board.read().away
    }

    /// Messages that failed for good.
    #[must_use]
    pub fn dead_letters(&self) -> &DeadLetters {
        &self.0.dead_letters
    }

    /// Whether the node should be sent traffic.
    ///
    /// # Errors
    /// [`NotReady`] says why not.
    pub fn ready(&self) -> std::result::Result<(), NotReady> {
        if self.0.close.is_cancelled() {
            return Err(NotReady::Draining);
        }
        if self.0.table.all().is_empty() {
            let mut refused: Vec<_> =
                self.0.board.read().files.into_values().filter_map(|note| note.chain).collect();
            // Two files may say they are the same chain.
            refused.sort();
            refused.dedup();
            return Err(NotReady::NoChain { refused });
        }
        Ok(())
    }

    /// Looks at the folders now, instead of at the next event or scan.
    pub fn rescan(&self) {
        self.0.rescan.notify_one();
    }

    /// Stops taking messages, finishes those in hand (at most [`Options::drain_max`]), and ends every task. What is left is the
    /// bus's again.
    pub async fn drain(&self) {
        self.0.close.cancel();
        self.0.tasks.wait().await;
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close.cancel();
    }
}
