use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use model::Message;
use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::oneshot;

use super::{
    keys::{self, IdHash},
    partition::Partition,
    record::Record,
};
use crate::{Error, Published, Result, StreamSpec};

/// What waits for the writer, bounded in bytes: waiting ones and those of the round being written.
pub(super) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    bytes_max: usize,
}

#[derive(Default)]
struct State {
    commands: Vec<Command>,
    /// How many commands make the writer stop waiting for more.
    wanted: usize,
    bytes: usize,
    /// Why nothing more is taken.
    closed: Option<String>,
}

pub(super) enum Command {
    Publish(Publish),
    Provision { spec: StreamSpec, answer: oneshot::Sender<Result<()>> },
    Forget { partitions: Vec<Arc<Partition>>, group: String, answer: oneshot::Sender<Result<()>> },
}

/// One batch for one partition, encoded already.
pub(super) struct Publish {
    pub(super) partition: Arc<Partition>,
    /// The sequence that has to be the partition's last.
    pub(super) after: Option<u64>,
    pub(super) entries: Vec<Entry>,
    /// Read where the caller's runtime keeps the time.
    pub(super) at: tokio::time::Instant,
    pub(super) answer: oneshot::Sender<Result<Vec<Published>>>,
}

pub(super) struct Entry {
    pub(super) message: Message,
    pub(super) id: Option<IdHash>,
    pub(super) record: Record,
}

impl Entry {
    pub(super) fn new(message: Message) -> Result<Self> {
        let record = Record::new(&message);
        if record.len() > store::VALUE_BYTES_MAX {
            return Err(Error::TooLarge { bytes: record.len(), bytes_max: store::VALUE_BYTES_MAX });
        }
        Ok(Self { id: keys::hash(&message.id), message, record })
    }
}

impl Command {
    fn bytes(&self) -> usize {
        match self {
            Self::Publish(publish) => publish.entries.iter().map(|entry| entry.record.len()).sum(),
            Self::Provision { .. } | Self::Forget { .. } => 0,
        }
    }
}

impl Queue {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { state: Mutex::default(), filled: Condvar::new(), bytes_max }
    }

    /// Puts a command in line. One that is larger than the queue is taken when the queue is empty.
    pub(super) fn push(&self, command: Command) -> Result<()> {
        let bytes = command.bytes();
        let mut state = self.state.lock();
        if let Some(reason) = &state.closed {
            return Err(Error::Unavailable { reason: reason.clone() });
        }
        if state.bytes > 0 && state.bytes + bytes > self.bytes_max {
            return Err(Error::Overloaded { queued_bytes: state.bytes, queued_bytes_max: self.bytes_max });
        }
        state.bytes += bytes;
        state.commands.push(command);
        if state.commands.len() == state.wanted {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Takes everything in line, waiting for the first until `deadline`; none once closed and empty.
    ///
    /// `answered` publishers have just heard of their last message and `patience` is what it may cost to
    /// have their next in this round rather than in the one after: without it, publishers that wait for
    /// their answers fall into two halves, each waiting for the other's sync.
    pub(super) fn take(
        &self,
        deadline: Instant,
        answered: usize,
        patience: Duration,
    ) -> Option<Vec<Command>> {
        let mut state = self.state.lock();
        let gathered = Instant::now() + patience;
        state.wanted = (state.commands.len() + answered).max(1);
        self.wait(&mut state, gathered);
        state.wanted = 1;
        self.wait(&mut state, deadline);
        if state.commands.is_empty() && state.closed.is_some() {
            return None;
        }
        Some(std::mem::take(&mut state.commands))
    }

    fn wait(&self, state: &mut MutexGuard<'_, State>, until: Instant) {
        while state.commands.len() < state.wanted && state.closed.is_none() {
            if self.filled.wait_until(state, until).timed_out() {
                return;
            }
        }
    }

    /// Gives back the room of commands that were answered; answers how many bytes are still taken.
    pub(super) fn free(&self, bytes: usize) -> usize {
        let mut state = self.state.lock();
        state.bytes = state.bytes.saturating_sub(bytes);
        state.bytes
    }

    /// Takes nothing more, and says why; the first reason stays.
    pub(super) fn close(&self, reason: &str) {
        self.state.lock().closed.get_or_insert_with(|| reason.to_owned());
        self.filled.notify_all();
    }

    /// Leaves what is in line unanswered, which its callers hear as an error. For when nobody takes it any more.
    pub(super) fn abandon(&self) {
        self.state.lock().commands.clear();
    }

    /// # Errors
    /// [`Error::Unavailable`] with the reason, once closed.
    pub(super) fn check_open(&self) -> Result<()> {
        match &self.state.lock().closed {
            Some(reason) => Err(Error::Unavailable { reason: reason.clone() }),
            None => Ok(()),
        }
    }
}

/// Bytes that `commands` take in the queue.
pub(super) fn bytes(commands: &[Command]) -> usize {
    commands.iter().map(Command::bytes).sum()
}
