//! Receipts and generation numbers: what must outlive the process.

use std::{collections::VecDeque, ops::ControlFlow, sync::Arc};

use parking_lot::Mutex;
use store::{Batch, Store};
use tokio::sync::broadcast;

use crate::{Error, Receipt, Result};

/// Receipts kept.
const RECEIPTS_MAX: usize = 1_000;
/// Receipts a slow subscriber may be behind before it misses the oldest.
const BEHIND_MAX: usize = 256;

const TABLE: store::Table = "receipts";
const GENERATION_KEY: &[u8] = b"generation";
const RECEIPT_PREFIX: u8 = b'r';
const RECEIPT_END: u8 = RECEIPT_PREFIX + 1;

/// The receipts of this node, oldest first, and the number of its newest generation.
pub(crate) struct History {
    store: Arc<dyn Store>,
    kept: Mutex<Kept>,
    news: broadcast::Sender<Receipt>,
}

struct Kept {
    receipts: VecDeque<Receipt>,
    generation: u64,
}

impl History {
    /// Reads what an earlier process left. Blocks on disk.
    pub(crate) fn open(store: Arc<dyn Store>) -> Result<Self> {
        let kept = {
            let snapshot = store.snapshot()?;
            let generation = match snapshot.get(TABLE, GENERATION_KEY)? {
                Some(bytes) => number(&bytes)?,
                None => 0,
            };
            let mut receipts = VecDeque::new();
            snapshot.scan(TABLE, &[RECEIPT_PREFIX], &[RECEIPT_END], &mut |_, value| {
                // A receipt of a release that wrote them otherwise is history nobody can read: left out.
                receipts.extend(serde_json::from_slice::<Receipt>(value).ok());
                ControlFlow::Continue(())
            })?;
            Kept { receipts, generation }
        };
        Ok(Self { store, kept: Mutex::new(kept), news: broadcast::Sender::new(BEHIND_MAX) })
    }

    /// The next `count` generation numbers, the first of them; they are never given again. Blocks on disk.
    pub(crate) fn take_generations(&self, count: u64) -> Result<u64> {
        let mut kept = self.kept.lock();
        let last = kept.generation + count;
        let mut batch = Batch::new();
        batch.put(TABLE, GENERATION_KEY, &last.to_be_bytes());
        self.store.write(&batch)?;
        let first = kept.generation + 1;
        kept.generation = last;
        Ok(first)
    }

    /// Numbers `receipt`, keeps it, and tells whoever listens. When it cannot be stored it is still told, and
    /// the error says so. Blocks on disk.
    pub(crate) fn append(&self, mut receipt: Receipt) -> Result<()> {
        let mut kept = self.kept.lock();
        receipt.number = kept.receipts.back().map_or(1, |last| last.number + 1);
        let mut batch = Batch::new();
        let json = serde_json::to_vec(&receipt)
            .map_err(|error| Error::Malformed { what: "a receipt", reason: error.to_string() })?;
        batch.put(TABLE, &key(receipt.number), &json);
        kept.receipts.push_back(receipt.clone());
        while kept.receipts.len() > RECEIPTS_MAX
            && let Some(oldest) = kept.receipts.pop_front()
        {
            batch.delete(TABLE, &key(oldest.number));
        }
        let stored = self.store.write(&batch);
        drop(kept);
        // Nobody listening is fine.
        let _ = self.news.send(receipt);
        Ok(stored?)
    }

    /// The newest `max` receipts, newest first.
    pub(crate) fn newest(&self, max: usize) -> Vec<Receipt> {
        self.kept.lock().receipts.iter().rev().take(max).cloned().collect()
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Receipt> {
        self.news.subscribe()
    }
}

fn key(number: u64) -> [u8; 9] {
    let mut key = [RECEIPT_PREFIX; 9];
    if let Some(digits) = key.get_mut(1..) {
        digits.copy_from_slice(&number.to_be_bytes());
    }
    key
}

fn number(bytes: &[u8]) -> Result<u64> {
    let digits = bytes.try_into().map_err(|_| Error::Malformed {
        what: "the number of the newest generation",
        reason: format!("{} bytes instead of 8", bytes.len()),
    })?;
    Ok(u64::from_be_bytes(digits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receipt::Verdict;

    #[test]
    fn receipts_and_generations_outlive_the_process_and_the_oldest_receipts_go() {
        let store: Arc<dyn Store> = Arc::new(store::Memory::new(crate::TABLES));
        let history = History::open(Arc::clone(&store)).unwrap();
        let mut news = history.subscribe();
        assert_eq!(history.take_generations(3).unwrap(), 1);
        for _ in 0..RECEIPTS_MAX + 5 {
            history.append(Receipt::new(Verdict::Unchanged)).unwrap();
        }
        assert!(news.try_recv().is_err(), "a slow subscriber is told that it missed some");
        let again = History::open(store).unwrap();
        assert_eq!(again.take_generations(1).unwrap(), 4);
        let newest = again.newest(usize::MAX);
        assert_eq!(newest.len(), RECEIPTS_MAX);
        assert_eq!(newest.first().unwrap().number, RECEIPTS_MAX as u64 + 5);
        assert_eq!(newest.last().unwrap().number, 6);
    }
}
