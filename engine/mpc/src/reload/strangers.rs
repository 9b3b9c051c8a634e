//! Chains that were taken away, or led to another stream, while no lane was there to notice: between two starts, or when
//! the bus did not take it.

use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Reloader;
use crate::lane::{Forgot, blocking, forget, known, reads, sentence};

impl Reloader {
    /// Notes those that are known here and read nothing any more, once it is certain who they are: a text that is refused or still
    /// being written may be one of them, and a folder without any chain has hardly been meant.
    pub(super) async fn seek_strangers(&mut self) {
        let certain = !self.table.all().is_empty()
            && self.settling.next_due().is_none()
            && !self.shelf.lock().any_refusal(|_| true);
        if self.strangers_sought || !certain {
            return;
        }
        let store = Arc::clone(&self.parts.store);
        let known = match blocking(move || known(&*store)).await {
            Ok(Ok(known)) => known,
            Ok(Err(error)) => return tracing::warn!(error = sentence(&error), "the ledgers cannot be read"),
            Err(error) => return tracing::warn!(error = sentence(&error), "the ledgers cannot be read"),
        };
        self.strangers_sought = true;
        for (chain, stream) in known.into_iter().filter(|(chain, stream)| !reads(&self.table, chain, stream))
        {
            self.table.note_gone(&chain, &stream);
        }
    }

    /// Tells the bus of every chain that is gone, beside everything else: a bus that is away answers late.
    pub(super) fn remind(&self, reminding: &mut Option<JoinHandle<()>>, close: &CancellationToken) {
        let gone = self.table.gone();
        if gone.is_empty() || reminding.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        let (table, bus, close) = (Arc::clone(&self.table), Arc::clone(&self.parts.bus), close.clone());
        *reminding = Some(tokio::spawn(async move {
            for (chain, stream) in gone {
                if reads(&table, &chain, &stream) {
                    table.note_heard(&chain, &stream);
                    continue;
                }
                let Some(forgot) = close.run_until_cancelled(forget(&*bus, &chain, &stream)).await else {
                    return;
                };
                match forgot {
                    Forgot::Heard => table.note_heard(&chain, &stream),
                    Forgot::Read => table.note_read(&chain, &stream),
                    Forgot::Not => {}
                }
            }
        }));
    }
}
