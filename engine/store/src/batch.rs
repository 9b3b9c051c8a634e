use std::ops::Range;

use bytes::Bytes;

use crate::{Error, KEY_BYTES_MAX, Result, Table, VALUE_BYTES_MAX};

/// What a store applies together, in order: all of it or nothing.
///
/// Keys and small values are copied into one buffer, so that a batch of thousands of index entries
/// costs a handful of allocations; a value that is already [`Bytes`] is shared instead.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    entries: Vec<Entry>,
    buffer: Vec<u8>,
}

/// One change of a [`Batch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op<'a> {
    /// `key` has `value` from now on.
    Put {
        /// The table.
        table: Table,
        /// 1–511 bytes.
        key: &'a [u8],
        /// Up to 16 MiB.
        value: &'a [u8],
    },
    /// `key` is gone; it need not have been there.
    Delete {
        /// The table.
        table: Table,
        /// 1–511 bytes.
        key: &'a [u8],
    },
}

#[derive(Clone, Debug)]
struct Entry {
    table: Table,
    key: Range<usize>,
    value: Value,
}

#[derive(Clone, Debug)]
enum Value {
    Gone,
    Buffered(Range<usize>),
    Shared(Bytes),
}

impl Batch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a small value, copied.
    pub fn put(&mut self, table: Table, key: &[u8], value: &[u8]) {
        let key = self.keep(key);
        let value = Value::Buffered(self.keep(value));
        self.entries.push(Entry { table, key, value });
    }

    /// Puts a large value, shared.
    pub fn put_bytes(&mut self, table: Table, key: &[u8], value: Bytes) {
        let key = self.keep(key);
        self.entries.push(Entry { table, key, value: Value::Shared(value) });
    }

    /// Removes a key, whether it is there or not.
    pub fn delete(&mut self, table: Table, key: &[u8]) {
        let key = self.keep(key);
        self.entries.push(Entry { table, key, value: Value::Gone });
    }

    /// How many changes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is nothing to apply.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Forgets the changes and keeps the memory, for the next batch.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.buffer.clear();
    }

    /// The changes, in order.
    pub fn ops(&self) -> impl ExactSizeIterator<Item = Op<'_>> {
        self.entries.iter().map(|entry| {
            let (table, key) = (entry.table, self.kept(&entry.key));
            match &entry.value {
                Value::Gone => Op::Delete { table, key },
                Value::Buffered(at) => Op::Put { table, key, value: self.kept(at) },
                Value::Shared(value) => Op::Put { table, key, value },
            }
        })
    }

    fn keep(&mut self, bytes: &[u8]) -> Range<usize> {
        let from = self.buffer.len();
        self.buffer.extend_from_slice(bytes);
        from..self.buffer.len()
    }

    fn kept(&self, at: &Range<usize>) -> &[u8] {
        self.buffer.get(at.clone()).unwrap_or_default()
    }
}

impl<'a> Op<'a> {
    /// The table it changes.
    #[must_use]
    pub fn table(&self) -> Table {
        match self {
            Self::Put { table, .. } | Self::Delete { table, .. } => table,
        }
    }

    /// The key it changes.
    #[must_use]
    pub fn key(&self) -> &'a [u8] {
        match self {
            Self::Put { key, .. } | Self::Delete { key, .. } => key,
        }
    }

    /// Whether every store could take it.
    pub(crate) fn check(&self) -> Result<()> {
        check_key(self.key())?;
        match self {
            Self::Put { value, .. } if value.len() > VALUE_BYTES_MAX => {
                Err(Error::Value { bytes: value.len() })
            }
            _ => Ok(()),
        }
    }
}

pub(crate) fn check_key(key: &[u8]) -> Result<()> {
    if (1..=KEY_BYTES_MAX).contains(&key.len()) { Ok(()) } else { Err(Error::Key { bytes: key.len() }) }
}
