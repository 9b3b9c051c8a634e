//! A deployment seen from outside, and the few things that are changed for all of it at once.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ::fleet::{Connection, JetStream, Keys, Members};
use relations::{ShardMap, UserId};
use serde::Serialize;

use crate::{
    Config, Result,
    config::Role,
    deployment::{Agreed, servers},
};

/// How long it takes to hear of everybody who is there.
const LISTEN: Duration = Duration::from_secs(2);

/// A deployment, reached by its servers.
pub struct Fleet {
    connection: Connection,
    agreed: Agreed,
    lease: Duration,
}

/// What there is of a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FleetStatus {
    /// What the servers promise about what they acknowledge: `durable`, or `relaxed (…)`.
    pub bus: String,
    /// The shard map, once a node has started.
    pub map: Option<ShardMap>,
    /// Who is there, by role; those roles whose work is dealt out.
    pub members: BTreeMap<&'static str, Vec<String>>,
    /// What some of them leave to others, as messages are missing in their copies.
    pub declined: Vec<Declined>,
}

/// What one process leaves to others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Declined {
    /// The role in which it would have it.
    pub role: &'static str,
    /// Its name.
    pub member: String,
    /// The stream.
    pub stream: String,
    /// And its partition; of `inbox` this is the shard.
    pub partition: u32,
}

impl Fleet {
    /// Connects as `config` says; takes no part in the work.
    ///
    /// # Errors
    /// [`Error::Bus`](crate::Error::Bus) with what to change when the servers cannot be reached or are not fit.
    pub async fn connect(config: &Config) -> Result<Self> {
        let options = servers::options(config, "operator")?;
        let lease = options.lease_ttl;
        let connection = Connection::open(options).await?;
        let agreed = Agreed::open(&connection).await?;
        Ok(Self { connection, agreed, lease })
    }

    /// Makes what the deployment keeps on its servers, where it is not there yet: the streams of the feed, the changelog of
    /// `posts`, dead letters, leases, members, and the shard map of `config`. Nodes do the same when they start, if they may.
    ///
    /// # Errors
    /// [`Error::Bus`](crate::Error::Bus), [`Error::Feed`](crate::Error::Feed), [`Error::Map`](crate::Error::Map).
    pub async fn init(&self, config: &Config) -> Result<ShardMap> {
        let bus = JetStream::open(&self.connection).await?;
        Keys::open(&self.connection, "members").await?;
        let map = self.agreed.first(config.shard_map()?).await?;
        feed::provision(&bus, config.posts.partitions, map.shards()).await?;
        mpc::provision(&bus, "posts", config.posts.partitions).await?;
        bus.close().await;
        Ok(map)
    }

    /// Looks at it.
    ///
    /// # Errors
    /// [`Error::Bus`](crate::Error::Bus), [`Error::Map`](crate::Error::Map).
    pub async fn status(&self) -> Result<FleetStatus> {
        let keys: Arc<dyn bus::KeyValue> = Arc::new(Keys::open(&self.connection, "members").await?);
        let (mut members, mut declined) = (BTreeMap::new(), Vec::new());
        for role in [Role::Distributor, Role::Inbox] {
            let there = Members::watch(Arc::clone(&keys), role.as_str(), self.lease).await?;
            let mut live = there.live();
            // Nobody may be there: then there is nothing to wait for.
            let _ = tokio::time::timeout(LISTEN, live.wait_for(|live| !live.is_empty())).await;
            let live = Arc::clone(&live.borrow());
            members.insert(role.as_str(), live.keys().cloned().collect());
            for (name, member) in live.iter() {
                declined.extend(member.declined().map(|(stream, partition)| Declined {
                    role: role.as_str(),
                    member: name.clone(),
                    stream: stream.to_owned(),
                    partition,
                }));
            }
            there.leave().await;
        }
        let map = self.agreed.read().await?;
        Ok(FleetStatus { bus: self.connection.durability().to_string(), map, members, declined })
    }

    /// Gives the users from the shard map's end up to `end`, which is not included, to `shard`; without an `end` all the
    /// rest. Every process takes it up without a restart.
    ///
    /// # Errors
    /// [`Error::NotExtended`](crate::Error::NotExtended) when that cannot be; [`Error::Bus`](crate::Error::Bus), also when
    /// somebody else changed the map at the same time.
    pub async fn extend(&self, end: Option<u64>, shard: u32) -> Result<ShardMap> {
        self.agreed.extend(end.map(UserId), shard).await
    }
}
