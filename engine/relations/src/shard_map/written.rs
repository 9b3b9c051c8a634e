//! A shard map as JSON.

use serde::{Deserialize, Serialize};

use super::{InvalidShardMap, Range, ShardMap};
use crate::UserId;

/// What stands in the file, not yet checked.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    version: u64,
    shards: u32,
    ranges: Vec<Range>,
    // Without a default: a map that is cut short must not come to own everybody.
    #[serde(deserialize_with = "Option::deserialize")]
    end: Option<UserId>,
}

impl TryFrom<Written> for ShardMap {
    type Error = InvalidShardMap;
    fn try_from(Written { version, shards, ranges, end }: Written) -> Result<Self, InvalidShardMap> {
        Self::from_ranges(version, shards, ranges, end)
    }
}

impl From<ShardMap> for Written {
    fn from(ShardMap { version, shards, ranges, end }: ShardMap) -> Self {
        Self { version, shards, ranges, end }
    }
}
