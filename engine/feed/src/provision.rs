use std::sync::Arc;

use bus::{Bus, StreamSpec};
use model::Name;
use relations::stream::{INBOX, POSTS};

use crate::{Error, Result};

/// Settled messages kept per partition: to replay posts through a chain, and for a shard that lost its last
/// store batch to a power failure, which is a hundredth of it.
const RETAIN_MESSAGES: u64 = 100_000;

/// Makes sure the feed's streams exist: `posts` with `partitions`, `inbox` with one partition for each of
/// `shards`. Neither can change later.
///
/// # Errors
/// [`Error::Provision`] when they exist otherwise, with what to do; or when the bus fails.
pub async fn provision(bus: &dyn Bus, partitions: u32, shards: u32) -> Result<()> {
    for (stream, partitions) in [(POSTS, partitions), (INBOX, shards)] {
        let spec = StreamSpec::new(Name::new(stream)?, partitions).retaining(RETAIN_MESSAGES);
        bus.provision(&spec).await.map_err(|error| Error::Provision {
            stream,
            remedy: remedy(stream, &error),
            source: Arc::new(error),
        })?;
    }
    Ok(())
}

/// What the setting behind a stream has to be again.
fn remedy(stream: &str, error: &bus::Error) -> Option<String> {
    let bus::Error::Layout { found, .. } = error else { return None };
    Some(match stream {
        POSTS => format!("set `posts.partitions` back to {found}"),
        _ => format!("set `inbox.shards` back to the {found} there were"),
    })
}

#[cfg(test)]
mod tests {
    use bus::{Embedded, TABLES};
    use store::Memory;

    use super::*;

    #[tokio::test]
    async fn another_number_of_partitions_or_shards_is_refused_with_the_setting_to_mend() {
        let bus = Embedded::open(Arc::new(Memory::new(TABLES)), bus::Options::default()).unwrap();
        provision(&bus, 4, 2).await.unwrap();
        provision(&bus, 4, 2).await.unwrap();
        for (partitions, shards, told) in [
            (8, 2, "failed to set up the stream `posts` (set `posts.partitions` back to 4): "),
            (4, 1, "failed to set up the stream `inbox` (set `inbox.shards` back to the 2 there were): "),
        ] {
            let error = provision(&bus, partitions, shards).await.unwrap_err();
            assert!(error.took_nothing() && !error.retryable());
            let said = model::chain_of(&error);
            assert!(said.starts_with(told) && said.ends_with("partitions are fixed for life"), "{said}");
        }
        bus.close().await;
        let closed = model::chain_of(&provision(&bus, 8, 2).await.unwrap_err());
        assert_eq!(closed, "failed to set up the stream `posts`: the bus is unavailable: it is closed");
    }
}
