use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use telemetry::LogFormat;

/// A part of the work that a process may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Accepts posts and changes of the graph.
    Forwarder,
    /// Runs chains.
    Distributor,
    /// Keeps inbox shards.
    Inbox,
    /// Answers reads.
    Gateway,
}

impl Role {
    /// All there are: what one process alone does.
    pub const ALL: [Self; 4] = [Self::Forwarder, Self::Distributor, Self::Inbox, Self::Gateway];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Forwarder => "forwarder",
            Self::Distributor => "distributor",
            Self::Inbox => "inbox",
            Self::Gateway => "gateway",
        }
    }
}

/// The NATS servers that carry the bus. Without `urls` the bus is embedded, and none of this counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Nats {
    /// `nats://host:4222`, any of a cluster's; more than one, so that a server that is down at the start is no trouble.
    pub urls: Vec<String>,
    /// The monitoring addresses of the servers, `http://127.0.0.1:8222`: they tell whether what is acknowledged is synced.
    pub monitoring: Vec<String>,
    /// A user's name; the password stands in `password_file`.
    pub user: String,
    /// A file that holds the password and nothing else.
    pub password_file: PathBuf,
    /// A file that holds a token and nothing else.
    pub token_file: PathBuf,
    /// A file that holds an nkey's seed.
    pub nkey_file: PathBuf,
    /// A `.creds` file.
    pub credentials_file: PathBuf,
    /// The authorities that may have signed the servers' certificates, PEM; the connection is encrypted once it is set.
    pub tls_ca_file: PathBuf,
    /// This client's certificate, PEM.
    pub tls_cert_file: PathBuf,
    /// Its key, PEM.
    pub tls_key_file: PathBuf,
    /// Servers that keep each message: 0 takes 3 on a cluster and 1 on a single server.
    pub replicas: usize,
    /// Begins the name of every stream, bucket and subject, so that deployments can share servers.
    pub prefix: String,
    /// How long a lease holds that is not renewed, in milliseconds: after a node died, its partitions stand still for so long.
    pub lease_ms: u64,
}

impl Default for Nats {
    fn default() -> Self {
        Self {
            urls: Vec::new(),
            monitoring: Vec::new(),
            user: String::new(),
            password_file: PathBuf::new(),
            token_file: PathBuf::new(),
            nkey_file: PathBuf::new(),
            credentials_file: PathBuf::new(),
            tls_ca_file: PathBuf::new(),
            tls_cert_file: PathBuf::new(),
            tls_key_file: PathBuf::new(),
            replicas: 0,
            prefix: "catena".to_owned(),
            lease_ms: 6_000,
        }
    }
}

/// The data plane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Where it listens; port 0 takes a free one.
    #[serde(deserialize_with = "address")]
    pub address: SocketAddr,
    /// Open connections at most.
    pub connections_max: usize,
}

impl Default for Http {
    fn default() -> Self {
        Self { address: loopback(8080), connections_max: 10_000 }
    }
}

/// The management plane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Admin {
    /// Where it listens; port 0 takes a free one.
    #[serde(deserialize_with = "address")]
    pub address: SocketAddr,
    /// Names, beside `localhost` and the address itself, that browsers may know it by.
    pub hosts: Vec<String>,
}

impl Default for Admin {
    fn default() -> Self {
        Self { address: loopback(8081), hosts: Vec::new() }
    }
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `text` for people or `json` for machines.
    pub format: LogFormat,
    /// What: `info`, or `info,catena_mpc=debug`.
    pub filter: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::default(), filter: telemetry::FILTER_DEFAULT.to_owned() }
    }
}

/// The stream of posts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Posts {
    /// Partitions, and so lanes that work side by side. Fixed once the data folder has been used.
    pub partitions: u32,
}

impl Default for Posts {
    fn default() -> Self {
        Self { partitions: 4 }
    }
}

/// The inbox shards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Inbox {
    /// Each owns the users from its first one to the next shard's. Fixed once the data folder, or the deployment, has been
    /// used.
    pub shards: Vec<Shard>,
    /// The first user that nobody owns yet: users from here on are refused until `catena fleet extend` gives them a home.
    /// 0: everybody has a home. For a fleet.
    pub end: u64,
    /// Shards there are in all, those without users among them; 0: as many as are listed. For a fleet that is to grow.
    pub shards_max: u32,
}

impl Default for Inbox {
    fn default() -> Self {
        Self { shards: vec![Shard { first_user: 0 }], end: 0, shards_max: 0 }
    }
}

/// One inbox shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shard {
    /// The lowest user id it owns.
    pub first_user: u64,
}

/// The embedded bus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Bus {
    /// Bytes that may wait to become durable; past it posts are refused with 429.
    pub queue_bytes_max: usize,
    /// Bytes of recent messages kept in memory for each partition.
    pub tail_bytes_max: usize,
}

impl Default for Bus {
    fn default() -> Self {
        let bus::Options { queue_bytes_max, tail_bytes_max, .. } = bus::Options::default();
        Self { queue_bytes_max, tail_bytes_max }
    }
}

/// The stores below the data folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// The most one store file can grow to; costs address space only.
    pub file_bytes_max: usize,
}

impl Default for Store {
    fn default() -> Self {
        Self { file_bytes_max: 64 << 30 }
    }
}

/// How changes of chains and bundles are noticed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Watch {
    /// Whether the operating system tells, or only scans find out.
    pub mode: WatchMode,
    /// Time between two full scans of the folders, in milliseconds.
    pub scan_every_ms: u64,
}

impl Default for Watch {
    fn default() -> Self {
        Self { mode: WatchMode::Events, scan_every_ms: 5_000 }
    }
}

/// Who notices a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WatchMode {
    /// The operating system's events, and scans for those that get lost.
    Events,
    /// Scans alone: for network disks.
    Poll,
}

/// What runs bundles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Runtime {
    /// Instances alive at once, over all steps.
    pub instances_max: u32,
    /// Memory of one instance at most, whatever a chain says, in MiB.
    pub memory_mb_max: usize,
}

impl Default for Runtime {
    fn default() -> Self {
        let bundle::Options { instances_max, memory_bytes_max, .. } = bundle::Options::default();
        Self { instances_max, memory_mb_max: memory_bytes_max >> 20 }
    }
}

/// Bugs to plant. A fault test is believed only after it was seen to catch the bug it is for. A release build has
/// none of these keys: there the section is as unknown as any other.
#[cfg(debug_assertions)]
#[doc(hidden)]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Planted {
    /// The bus acknowledges before a publish is durable.
    pub ack_before_durable: bool,
    /// Messages do not keep the generation they began under.
    pub no_generation_pin: bool,
    /// Distributors acknowledge what they read before its effects are anywhere.
    pub settle_first: bool,
    /// Who slept through its lease works on, whoever has taken over, and whoever takes over leaves it a way to do so.
    pub no_fence: bool,
    /// Nobody but the servers remembers which messages there were.
    pub no_ids: bool,
    /// What a message makes gets another id each time, and what is sent again for want of an answer has none.
    pub random_ids: bool,
    /// Who has asked a server for deliveries waits for them, whatever has become of that server.
    pub trust_pulls: bool,
}

#[cfg(debug_assertions)]
impl Planted {
    /// The keys that are on.
    pub(crate) fn on(&self) -> impl Iterator<Item = &'static str> {
        let Self {
            ack_before_durable,
            no_generation_pin,
            settle_first,
            no_fence,
            no_ids,
            random_ids,
            trust_pulls,
        } = *self;
        let keys = [
            ("ack_before_durable", ack_before_durable),
            ("no_generation_pin", no_generation_pin),
            ("settle_first", settle_first),
            ("no_fence", no_fence),
            ("no_ids", no_ids),
            ("random_ids", random_ids),
            ("trust_pulls", trust_pulls),
        ];
        keys.into_iter().filter_map(|(key, on)| on.then_some(key))
    }
}

fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| {
        D::Error::custom(format!("`{text}` is not an address and a port, such as `127.0.0.1:8080`"))
    })
}
