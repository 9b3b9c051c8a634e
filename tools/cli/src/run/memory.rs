use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use model::{StateError, StateRead, StateWrite};

/// Processor state for the length of a run.
#[derive(Default)]
pub(super) struct Memory(Mutex<HashMap<(String, String, String), Bytes>>);

impl Memory {
    /// Keeps what a message wrote.
    pub(super) fn commit(&self, writes: Vec<StateWrite>) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for StateWrite { processor, key, name, value } in writes {
            let at = (processor, key, name);
            match value {
                Some(value) => entries.insert(at, value),
                None => entries.remove(&at),
            };
        }
    }
}

impl StateRead for Memory {
    fn read(&self, processor: &str, key: &str, name: &str) -> Result<Option<Bytes>, StateError> {
        let at = (processor.to_owned(), key.to_owned(), name.to_owned());
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&at).cloned())
    }
}
