//! Chains that were taken away, or led to another stream, while no lane was there to notice: between two starts, or when
//! the bus did not take it.

use std::sync::Arc;

use super::Reloader;
use crate::lane::{blocking, forget, known, reads, sentence};

impl Reloader {
    /// Makes the bus forget them, once it is certain who they are: a text that is refused or still being written may be
    /// one of them, and a folder without any chain has hardly been meant.
    pub(super) async fn forget_strangers(&mut self) {
        let certain = !self.table.all().is_empty()
            && self.settling.next_due().is_none()
            && !self.shelf.lock().any_refusal(|_| true);
        if self.strangers_forgotten || !certain {
            return;
        }
        self.strangers_forgotten = true;
        let store = Arc::clone(&self.parts.store);
        let known = match blocking(move || known(&*store)).await {
            Ok(Ok(known)) => known,
            Ok(Err(error)) => return tracing::warn!(error = sentence(&error), "the ledgers cannot be read"),
            Err(error) => return tracing::warn!(error = sentence(&error), "the ledgers cannot be read"),
        };
        for (chain, stream) in known.into_iter().filter(|(chain, stream)| !reads(&self.table, chain, stream))
        {
            forget(&*self.parts.bus, &chain, &stream, self.options.restart).await;
        }
    }
}
