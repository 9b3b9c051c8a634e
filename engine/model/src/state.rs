use bytes::Bytes;
use thiserror::Error;

/// State could not be read or kept.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StateError {
    /// The store below failed.
    #[error("failed to read state: {reason}")]
    Unavailable {
        /// What the store said.
        reason: String,
    },
    /// A name or value larger than allowed.
    #[error("state `{name}` is too large: {bytes} bytes, at most {bytes_max}")]
    TooLarge {
        /// The entry's name.
        name: String,
        /// Bytes given.
        bytes: usize,
        /// Bytes allowed.
        bytes_max: usize,
    },
}

/// Committed state as a message sees it when it begins: everything settled before it in its lane.
pub trait StateRead: Send + Sync {
    /// The value under (`processor`, `key`, `name`).
    ///
    /// # Errors
    /// [`StateError::Unavailable`] when the store below fails; the message is retried.
    fn read(&self, processor: &str, key: &str, name: &str) -> Result<Option<Bytes>, StateError>;
}

/// The empty state: for runs that keep none, and as the base of tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoState;

impl StateRead for NoState {
    fn read(&self, _: &str, _: &str, _: &str) -> Result<Option<Bytes>, StateError> {
        Ok(None)
    }
}

/// One change of state, committed with the position of the message that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateWrite {
    /// The bundle's name: versions of one processor share state.
    pub processor: String,
    /// The message's key.
    pub key: String,
    /// The entry's name.
    pub name: String,
    /// The new value; `None` removes the entry.
    pub value: Option<Bytes>,
}

/// The state of one message on its way: writes are buffered here and read back by later steps.
pub struct Scope {
    base: std::sync::Arc<dyn StateRead>,
    writes: Vec<StateWrite>,
}

/// Bytes of one state value at most; larger things belong in a body.
const VALUE_BYTES_MAX: usize = 64 * 1024;
/// Bytes of an entry's name at most.
const NAME_BYTES_MAX: usize = 128;

impl Scope {
    /// An empty buffer over `base`.
    #[must_use]
    pub fn new(base: std::sync::Arc<dyn StateRead>) -> Self {
        Self { base, writes: Vec::new() }
    }

    /// The newest value: this message's own write, else the committed one.
    ///
    /// # Errors
    /// [`StateError::Unavailable`] when the store below fails.
    pub fn get(&self, processor: &str, key: &str, name: &str) -> Result<Option<Bytes>, StateError> {
        let own = |w: &&StateWrite| w.processor == processor && w.key == key && w.name == name;
        match self.writes.iter().rev().find(own) {
            Some(write) => Ok(write.value.clone()),
            None => self.base.read(processor, key, name),
        }
    }

    /// Buffers a write; `None` removes the entry.
    ///
    /// # Errors
    /// [`StateError::TooLarge`] for names over 128 bytes and values over 64 KiB.
    pub fn set(
        &mut self,
        processor: &str,
        key: &str,
        name: &str,
        value: Option<Bytes>,
    ) -> Result<(), StateError> {
        let bytes = value.as_ref().map_or(0, Bytes::len);
        for (bytes, bytes_max) in [(bytes, VALUE_BYTES_MAX), (name.len(), NAME_BYTES_MAX)] {
            if bytes > bytes_max {
                return Err(StateError::TooLarge { name: name.to_owned(), bytes, bytes_max });
            }
        }
        self.writes.push(StateWrite {
            processor: processor.to_owned(),
            key: key.to_owned(),
            name: name.to_owned(),
            value,
        });
        Ok(())
    }

    /// Takes the buffered writes, oldest first.
    pub fn take_writes(&mut self) -> Vec<StateWrite> {
        std::mem::take(&mut self.writes)
    }

    /// How many writes are buffered: a mark for [`rewind`](Self::rewind).
    #[must_use]
    pub fn mark(&self) -> usize {
        self.writes.len()
    }

    /// Forgets the writes made since `mark`: those of a step that failed.
    pub fn rewind(&mut self, mark: usize) {
        self.writes.truncate(mark);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_reads_its_own_writes_and_a_rewind_forgets_them() {
        let mut scope = Scope::new(std::sync::Arc::new(NoState));
        scope.set("p", "k", "a", Some("1".into())).unwrap();
        let mark = scope.mark();
        scope.set("p", "k", "a", None).unwrap();
        assert_eq!(scope.get("p", "k", "a").unwrap(), None);
        scope.rewind(mark);
        assert_eq!(scope.get("p", "k", "a").unwrap(), Some("1".into()));
        assert_eq!(scope.get("p", "other", "a").unwrap(), None);
        assert_eq!(scope.take_writes().len(), 1);
    }

    #[test]
    fn large_values_are_refused() {
        let mut scope = Scope::new(std::sync::Arc::new(NoState));
        let large = Bytes::from(vec![0; VALUE_BYTES_MAX + 1]);
        assert!(matches!(scope.set("p", "k", "a", Some(large)), Err(StateError::TooLarge { .. })));
    }
}
