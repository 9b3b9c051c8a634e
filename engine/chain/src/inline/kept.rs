use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use model::{StateError, StateRead, StateWrite};

/// State for the length of one test.
#[derive(Default)]
pub(super) struct Kept(Mutex<HashMap<(String, String, String), Bytes>>);

impl Kept {
    pub(super) fn commit(&self, writes: Vec<StateWrite>) {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for StateWrite { processor, key, name, value } in writes {
            let at = (processor, key, name);
            match value {
                Some(value) => map.insert(at, value),
                None => map.remove(&at),
            };
        }
    }
}

impl StateRead for Kept {
    fn read(&self, processor: &str, key: &str, name: &str) -> Result<Option<Bytes>, StateError> {
        let map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(map.get(&(processor.to_owned(), key.to_owned(), name.to_owned())).cloned())
    }
}
