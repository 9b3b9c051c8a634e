//! How far a shard is: rows of `inbox-meta`, written in the same store batch as the effects they vouch for.
//!
//! `applied`: the last sequence whose effects are all there. `paused`: the last follower reached while the
//! effects of `applied + 1` are being spread over more than one store batch. Further rows: [`crate::users`].

use relations::UserId;
use store::Snapshot;

use crate::{
    Error, Result,
    draft::Draft,
    tables::{META, number},
};

const APPLIED: &[u8] = b"applied";
const PAUSED: &[u8] = b"paused";

/// How far a shard is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    /// The last sequence whose effects are all there.
    pub(crate) applied: u64,
    /// The last follower that the effects of the next sequence reached.
    pub(crate) paused: Option<UserId>,
}

impl Position {
    pub(crate) fn read(snapshot: &dyn Snapshot) -> Result<Self> {
        let paused = snapshot.get(META, PAUSED)?.map(|row| number(&row).ok_or(CORRUPT)).transpose()?;
        Ok(Self { applied: applied(snapshot)?, paused: paused.map(UserId) })
    }

    pub(crate) fn put(self, draft: &mut Draft<'_>) {
        draft.put(META, APPLIED, self.applied.to_be_bytes().to_vec());
        match self.paused {
            Some(user) => draft.put(META, PAUSED, user.0.to_be_bytes().to_vec()),
            None => draft.delete(META, PAUSED),
        }
    }
}

/// The last sequence whose effects are all there.
pub(crate) fn applied(snapshot: &dyn Snapshot) -> Result<u64> {
    snapshot.get(META, APPLIED)?.map_or(Ok(0), |row| number(&row).ok_or(CORRUPT))
}

const CORRUPT: Error = Error::Corrupt { table: META };
