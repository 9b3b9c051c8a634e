/// Sizes of an inbox. The defaults are meant for everyone; tests make them small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Messages taken from the bus at once at most.
    pub batch_messages_max: usize,
    /// Feed entries written in one store batch at most. Bounds memory, and how long the store is kept.
    pub batch_entries_max: usize,
    /// Numbers in one index block at most.
    pub block_entries_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { batch_messages_max: 1000, batch_entries_max: 200_000, block_entries_max: 128 }
    }
}
