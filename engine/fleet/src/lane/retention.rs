//! Retention: what every group has settled is removed, but for the newest that the stream is to keep, and of those as many
//! as leave half of a partition that is bounded in bytes for what comes. Otherwise one that once was full would stay so.

use std::collections::HashMap;

use async_nats::jetstream::stream::Info;
use bus::Unread;

use super::consumer;
use crate::{Connection, Result, stream::Partition};

/// Removes what may go.
pub(crate) async fn tidy(connection: &Connection, partition: &Partition) -> Result<()> {
    let info = partition.info(connection).await?;
    let spec = partition.described(&info).unwrap_or_else(|| partition.spec.read().clone());
    let Some(retain) = spec.retain_messages else { return Ok(()) };
    let mut floors: HashMap<String, (u64, u64)> = HashMap::new();
    for found in consumer::list(connection, partition).await? {
        let floor = (found.epoch, found.info.ack_floor.stream_sequence);
        let newest = floors.entry(found.group).or_insert(floor);
        // Of two, the older is about to go.
        *newest = (*newest).max(floor);
    }
    let unread = (spec.unread == Unread::LetGo).then_some(info.state.last_sequence);
    let Some(floor) = floors.values().map(|(_, floor)| *floor).min().or(unread) else { return Ok(()) };
    let below = (floor + 1).saturating_sub(retain).max(crowded_out(&info, floor));
    if below > info.state.first_sequence {
        partition.trim(connection, below).await?;
    }
    Ok(())
}

/// Where a partition has to begin to be half empty, but for what is not settled; 0 where it need not. All messages count as
/// equally large: the next look sees whether they were.
fn crowded_out(info: &Info, floor: u64) -> u64 {
    let (bytes, half) = (info.state.bytes, u64::try_from(info.config.max_bytes).unwrap_or(0) / 2);
    if half == 0 || bytes <= half {
        return 0;
    }
    let excess = u128::from(info.state.messages) * u128::from(bytes - half) / u128::from(bytes);
    let excess = u64::try_from(excess).unwrap_or(u64::MAX);
    info.state.first_sequence.saturating_add(excess).min(floor + 1)
}
