//! What a chain leaves behind at the bus when it no longer reads a stream: nothing. Its group would hold up retention, and
//! with it the stream's log would grow for ever.
//!
//! Its ledger stays. Should the chain come back, its new group begins at the oldest message kept, and the ledger passes
//! over those that have had their effects.

use std::{collections::BTreeSet, ops::ControlFlow};

use bus::Bus;
use model::Name;
use store::Store;

use super::{Place, failure::sentence};
use crate::table::Table;

/// A lane has ended. Where its chain is gone, or reads another stream, the last lane to end makes the bus forget it; each
/// tries, since while another one still holds its partition the bus refuses.
pub(super) async fn leave(place: &Place) {
    if !reads(&place.table, &place.chain, &place.stream) {
        let Place { chain, stream, table, parts, .. } = place;
        match forget(&*parts.bus, chain, stream).await {
            Forgot::Heard => table.note_heard(chain, stream),
            Forgot::Read | Forgot::Not => table.note_gone(chain, stream),
        }
    }
}

/// Whether a live chain of that name reads the stream.
pub(crate) fn reads(table: &Table, chain: &str, stream: &Name) -> bool {
    table.live(chain).is_some_and(|live| live.plan.input == *stream)
}

/// What became of telling the bus that a chain reads a stream no longer.
pub(crate) enum Forgot {
    /// It knows.
    Heard,
    /// Somebody still reads there.
    Read,
    /// It takes nothing of it for now.
    Not,
}

/// Makes the bus forget that `chain` read `stream`.
pub(crate) async fn forget(bus: &dyn Bus, chain: &Name, stream: &Name) -> Forgot {
    match bus.forget(stream, chain).await {
        Ok(()) => {
            tracing::info!(%chain, %stream, "the chain reads the stream no longer");
            Forgot::Heard
        }
        Err(bus::Error::UnknownStream { .. }) => Forgot::Heard,
        Err(bus::Error::Busy { .. }) => Forgot::Read,
        Err(error) => {
            let error = sentence(&error);
            tracing::warn!(%chain, %stream, error, "the stream is kept for a chain that is gone, for now");
            Forgot::Not
        }
    }
}

/// Every chain that ever settled a message here, with the stream it came from: of each there is a ledger. Blocks on disk.
pub(crate) fn known(store: &dyn Store) -> store::Result<BTreeSet<(Name, Name)>> {
    let mut known = BTreeSet::new();
    store.snapshot()?.scan("ledger", &[], &[], &mut |key, _| {
        known.extend(place_of(key));
        ControlFlow::Continue(())
    })?;
    Ok(known)
}

/// Chain and stream of a [ledger's key](super::keys::ledger).
fn place_of(key: &[u8]) -> Option<(Name, Name)> {
    let name = |bytes| Name::new(std::str::from_utf8(bytes).ok()?).ok();
    let end = key.iter().position(|byte| *byte == 0)?;
    let (stream, partition_and_chain) = key.split_at_checked(end + 1)?;
    Some((name(partition_and_chain.get(4..)?)?, name(stream.get(..end)?)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lane::keys;

    #[test]
    fn ledgers_tell_whose_they_are() {
        let store = store::Memory::new(crate::TABLES);
        let mut batch = store::Batch::new();
        for (chain, stream, partition) in [("feed", "posts", 0), ("feed", "posts", 7), ("audit", "out", 256)]
        {
            batch.put("ledger", &keys::ledger(stream, partition, chain), b"");
        }
        store.write(&batch).unwrap();
        let known = known(&store).unwrap();
        let known: Vec<_> = known.iter().map(|(chain, stream)| (chain.as_str(), stream.as_str())).collect();
        assert_eq!(known, [("audit", "out"), ("feed", "posts")]);
    }
}
