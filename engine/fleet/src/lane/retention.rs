//! Retention: what every group has settled is removed, but for the newest that the stream is to keep.

use std::collections::HashMap;

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
    let below = (floor + 1).saturating_sub(retain);
    if below > info.state.first_sequence {
        partition.trim(connection, below).await?;
    }
    Ok(())
}
