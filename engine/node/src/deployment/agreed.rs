//! The shard map that all processes of a deployment agree on: one key, replaced by later editions.

use std::time::Duration;

use ::fleet::{Connection, Keys};
use bus::{Change, Kept, KeyValue};
use bytes::Bytes;
use relations::{LiveMap, ShardMap, UserId};
use tokio::time::sleep;

use crate::{Error, Result};

const BUCKET: &str = "map";
const KEY: &str = "shards";
/// How often, and how long apart, it is looked for a first edition that somebody else is known to have made: any server of a cluster answers
/// reads, and not each knows of it at once.
const LOOKS: u32 = 50;
const LOOK_PAUSE: Duration = Duration::from_millis(100);
/// Before a watch that broke is begun again.
const PAUSE: Duration = Duration::from_secs(1);

/// The agreed map, where it is kept.
pub(crate) struct Agreed(Keys);

impl Agreed {
    pub(crate) async fn open(connection: &Connection) -> Result<Self> {
        Ok(Self(Keys::open(connection, BUCKET).await?))
    }

    /// The map, if there is one yet.
    pub(crate) async fn read(&self) -> Result<Option<ShardMap>> {
        Ok(self.kept().await?.map(|(map, _)| map))
    }

    /// Makes `map` the first edition, unless somebody else was faster: then it is theirs.
    pub(crate) async fn first(&self, map: ShardMap) -> Result<ShardMap> {
        for _ in 0..LOOKS {
            match self.0.put(KEY, encode(&map), 0).await {
                Ok(_) => return Ok(map),
                Err(bus::Error::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            if let Some(found) = self.read().await? {
                return Ok(found);
            }
            sleep(LOOK_PAUSE).await;
        }
        Err(bus::Error::Conflict { key: KEY.to_owned() }.into())
    }

    /// Gives the users from the map's end up to `end` (all the rest where there is none) to `shard`.
    pub(crate) async fn extend(&self, end: Option<UserId>, shard: u32) -> Result<ShardMap> {
        let refused = |problem: String| Error::NotExtended { problem };
        let (map, revision) = self.kept().await?.ok_or_else(|| {
            refused("there is none yet; `catena fleet init` makes it, or a node when it starts".to_owned())
        })?;
        let next = map.extended(end, shard).map_err(|error| refused(error.to_string()))?;
        self.0.put(KEY, encode(&next), revision).await?;
        Ok(next)
    }

    /// Brings every later edition into `map`, for as long as it is polled.
    pub(crate) async fn follow(self, map: LiveMap) {
        loop {
            if let Err(error) = self.watch(&map).await {
                tracing::warn!(error = model::chain_of(&error), "the shard map cannot be followed for now");
            }
            sleep(PAUSE).await;
        }
    }

    async fn watch(&self, map: &LiveMap) -> Result<()> {
        let mut watch = self.0.watch(KEY).await?;
        loop {
            for change in watch.next().await? {
                match change {
                    Change::Put(kept) => match self.decode(&kept) {
                        Ok(next) => adopt(map, next),
                        Err(error) => {
                            tracing::error!(%error, "a new shard map is not used; the old one stays")
                        }
                    },
                    Change::Gone { .. } => tracing::error!("the shard map was removed; the old one stays"),
                }
            }
        }
    }

    async fn kept(&self) -> Result<Option<(ShardMap, u64)>> {
        match self.0.get(KEY).await? {
            Some(kept) => Ok(Some((self.decode(&kept)?, kept.revision))),
            None => Ok(None),
        }
    }

    fn decode(&self, kept: &Kept) -> Result<ShardMap> {
        serde_json::from_slice(&kept.value).map_err(|error| Error::Map {
            revision: kept.revision,
            problem: error.to_string(),
            bucket: self.0.name().to_owned(),
        })
    }
}

fn adopt(map: &LiveMap, next: ShardMap) {
    let version = next.version();
    match map.adopt(next) {
        // Written out: it is how a bad edition is put right.
        Ok(()) => {
            let written = encode(&map.load());
            tracing::info!(version, map = %String::from_utf8_lossy(&written), "this is the shard map");
        }
        Err(error) => tracing::error!(version, %error, "a new shard map is not used; the old one stays"),
    }
}

fn encode(map: &ShardMap) -> Bytes {
    // Numbers and texts into memory: there is nothing to fail.
    serde_json::to_vec(map).unwrap_or_default().into()
}
