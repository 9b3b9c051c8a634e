use bus::{Bus, StreamSpec};
use model::Name;
use relations::stream::{INBOX, POSTS};

use crate::Result;

/// Settled messages kept per partition: to replay posts through a chain, and for a shard that lost its last
/// store batch to a power failure, which is a hundredth of it.
const RETAIN_MESSAGES: u64 = 100_000;

/// Makes sure the feed's streams exist: `posts` with `partitions`, `inbox` with one partition for each of
/// `shards`. Neither can change later.
///
/// # Errors
/// [`Error::Bus`](crate::Error::Bus) when they exist otherwise, or the bus fails.
pub async fn provision(bus: &dyn Bus, partitions: u32, shards: u32) -> Result<()> {
    for (name, partitions) in [(POSTS, partitions), (INBOX, shards)] {
        let spec = StreamSpec::new(Name::new(name)?, partitions).retaining(RETAIN_MESSAGES);
        bus.provision(&spec).await?;
    }
    Ok(())
}
