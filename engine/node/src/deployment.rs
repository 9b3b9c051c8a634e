//! What a node has in common with the others of a deployment: the servers, the bus, the agreed shard map, and whose turn
//! it is.

mod agreed;
pub(crate) mod servers;

use std::{sync::Arc, time::Duration};

use ::fleet::{Connection, Desk, Durability, JetStream, Keys, Members, Turns};
use relations::{InvalidShardMap, LiveMap, ShardMap};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{Config, Error, Result, config::Role};

pub(crate) use agreed::Agreed;

/// A node's place among the others.
pub(crate) struct Deployment {
    pub(crate) bus: Arc<JetStream>,
    pub(crate) desk: Desk,
    pub(crate) map: LiveMap,
    connection: Connection,
    keys: Arc<Keys>,
    name: String,
    lease: Duration,
    members: Vec<Members>,
    follow: TaskTracker,
    stop: CancellationToken,
}

impl Deployment {
    /// Connects, makes sure that the feed's streams and the shard map are there, and follows the map from then on.
    ///
    /// # Errors
    /// [`Error::Bus`] with what to change when the servers are not fit; [`Error::OtherMap`], [`Error::Map`].
    pub(crate) async fn join(config: &Config, name: String) -> Result<Self> {
        let options = servers::options(config, &name)?;
        let lease = options.lease_ttl;
        let connection = Connection::open(options).await?;
        let bus = Arc::new(JetStream::open(&connection).await?);
        let configured = config.shard_map()?;
        let agreed = Agreed::open(&connection).await?;
        let map = match agreed.read().await? {
            Some(found) => fits(config, &configured, found)?,
            None => agreed.first(configured).await?,
        };
        feed::provision(&*bus, config.posts.partitions, map.shards()).await?;
        let map = LiveMap::new(map);
        let keys = Arc::new(Keys::open(&connection, "members").await?);
        let (follow, stop) = (TaskTracker::new(), CancellationToken::new());
        follow.spawn(stop.clone().run_until_cancelled_owned(agreed.follow(map.clone())));
        follow.close();
        let desk = Desk::new(&connection);
        Ok(Self { bus, desk, map, connection, keys, name, lease, members: Vec::new(), follow, stop })
    }

    /// Takes part in the work of `role`; whose turn it is from then on.
    ///
    /// # Errors
    /// [`Error::Bus`], when another node has this one's name, or nobody can be told.
    pub(crate) async fn take_part(&mut self, role: Role) -> Result<Arc<Turns>> {
        // First, since joining may take a life time: that of whoever had this name before.
        self.bus.follow_leases();
        let keys = Arc::clone(&self.keys) as Arc<dyn bus::KeyValue>;
        let members = Members::join(keys, role.as_str(), &self.name, "", self.lease).await?;
        let turns = Arc::new(Turns::new(&members));
        self.members.push(members);
        Ok(turns)
    }

    /// Why the node should not be sent traffic, as far as the others are concerned.
    pub(crate) fn check(&self) -> std::result::Result<(), String> {
        let said = |error: ::fleet::Error| error.to_string();
        self.bus.check().map_err(said)?;
        self.members.iter().try_for_each(|members| members.check().map_err(said))
    }

    /// What the servers promise about what they acknowledge.
    pub(crate) fn durability(&self) -> &Durability {
        self.connection.durability()
    }

    /// The node's name among the others.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Says that this node takes no more turns; what it has in hand is still its own.
    pub(crate) async fn leave(&self) {
        for members in &self.members {
            members.leave().await;
        }
    }

    /// Ends what is left, the bus last.
    pub(crate) async fn close(&self) {
        self.stop.cancel();
        self.follow.wait().await;
        self.desk.close().await;
        self.bus.close().await;
    }
}

/// The agreed map, if what this node is told does not speak against it. One that was told nothing in particular takes what
/// there is.
fn fits(config: &Config, configured: &ShardMap, found: ShardMap) -> Result<ShardMap> {
    if config.inbox == crate::config::Inbox::default() || *configured == found {
        return Ok(found);
    }
    match configured.check_successor(&found) {
        Ok(()) => Ok(found),
        Err(InvalidShardMap::NotLater { .. }) => {
            Err(Error::OtherMap { difference: difference(configured, &found) })
        }
        Err(error) => Err(Error::OtherMap { difference: error.to_string() }),
    }
}

/// What two first editions do not have in common.
fn difference(configured: &ShardMap, found: &ShardMap) -> String {
    let (told, there) = (configured.shards(), found.shards());
    if told != there {
        return format!("it has {there} shards, and this node is told {told}");
    }
    let starts = |map: &ShardMap| {
        let starts: Vec<String> = map.homes().map(|(users, _)| users.start().to_string()).collect();
        let end = map.end().map(|end| format!(" and end before {end}")).unwrap_or_default();
        format!("begin at users {}{end}", starts.join(", "))
    };
    format!("its ranges {}, and this node's {}", starts(found), starts(configured))
}
