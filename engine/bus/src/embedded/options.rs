/// How an [`Embedded`](super::Embedded) bus uses memory.
#[derive(Clone, Debug)]
pub struct Options {
    /// Bytes that may wait to become durable, all streams together; past it publishing is refused.
    pub queue_bytes_max: usize,
    /// Bytes of recent messages kept per partition, so that consumers who keep up never read the disk.
    pub tail_bytes_max: usize,
    /// Bytes of messages that one fetch or read answers at most; a larger message comes alone. It bounds what a consumer
    /// with a backlog of large messages takes into memory at once.
    pub read_bytes_max: usize,
    /// A planted bug, for tests that must be seen to catch it.
    #[doc(hidden)]
    pub fault: Option<Fault>,
}

impl Default for Options {
    fn default() -> Self {
        Self { queue_bytes_max: 64 << 20, tail_bytes_max: 4 << 20, read_bytes_max: 8 << 20, fault: None }
    }
}

/// A bug to plant.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answers publishers before their messages are durable.
    AcknowledgeBeforeDurable,
}
