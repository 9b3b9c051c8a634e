use tokio::sync::watch;

/// Says which partitions this process should work on. One process alone works on all of them; in a fleet the
/// partitions of a stream are dealt out among those who do the same work.
///
/// It is advice: that two processes may believe to be meant at once is what the one subscription for each partition and group is for.
pub trait Placement: Send + Sync + 'static {
    /// Whether `partition` of `stream`, which has `partitions`, is this process's turn.
    fn is_mine(&self, stream: &str, partition: u32, partitions: u32) -> bool;

    /// This process cannot work on `partition` of `stream`, for as long as it lives: somebody else is to have it, if anybody can.
    fn decline(&self, stream: &str, partition: u32);

    /// Changes whenever [`is_mine`](Self::is_mine) may answer otherwise than before.
    fn changes(&self) -> watch::Receiver<u64>;
}

/// The placement of one process alone: everything is its own, for good.
#[derive(Debug)]
pub struct Everything(watch::Sender<u64>);

impl Default for Everything {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl Placement for Everything {
    fn is_mine(&self, _: &str, _: u32, _: u32) -> bool {
        true
    }

    // There is nobody else.
    fn decline(&self, _: &str, _: u32) {}

    fn changes(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }
}
