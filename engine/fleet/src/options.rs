use std::{path::PathBuf, time::Duration};

/// How to reach NATS, and what to use of it.
#[derive(Clone, Debug)]
pub struct Options {
    /// Servers to begin with, `nats://host:4222` or `tls://…`; the others of a cluster are learned from them.
    pub urls: Vec<String>,
    /// Who this is to the servers.
    pub credentials: Credentials,
    /// Encryption beyond what a `tls://` address asks for.
    pub tls: Tls,
    /// This node's name. Replies come to inboxes under `_INBOX_<user>`, so that permissions can be granted to a user, or
    /// `_INBOX_<name>` where none is named.
    pub name: String,
    /// Begins the name of every stream and bucket and every subject, so that several deployments share one NATS.
    /// Of `a-z 0-9 - _`.
    pub prefix: String,
    /// Monitoring addresses (`http://host:8222`), one for each server: they tell whether the servers sync before they
    /// acknowledge.
    pub monitoring: Vec<String>,
    /// Copies of everything; `None` is 1 on a single server and 3 in a cluster.
    pub replicas: Option<usize>,
    /// How long connecting, and one request, may take.
    pub timeout: Duration,
    /// How long whoever opens a bus or makes a stream waits for servers that are still placing it, or choosing who leads.
    pub placing: Duration,
    /// How long a publish waits for a server to come back before it is refused.
    pub patience: Duration,
    /// Bytes that may wait to be published, all partitions together; past it publishing is refused.
    pub queue_bytes_max: usize,
    /// Most bytes the messages of one partition may take; publishing is refused past it. Settled messages leave half of
    /// it free, however many the stream is to retain. At most 70 % of the volume,
    /// over all partitions, is good practice.
    pub partition_bytes_max: Option<u64>,
    /// After this long without a sign of life a partition's reader is taken to be gone.
    pub lease_ttl: Duration,
    /// How often settled messages past a stream's retention are looked for.
    pub tidy: Duration,
    /// A planted bug, for tests that must be seen to catch it.
    #[doc(hidden)]
    pub fault: Option<Fault>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            urls: vec!["nats://127.0.0.1:4222".to_owned()],
            credentials: Credentials::None,
            tls: Tls::default(),
            name: "catena".to_owned(),
            prefix: "catena".to_owned(),
            monitoring: Vec::new(),
            replicas: None,
            timeout: Duration::from_secs(5),
            placing: Duration::from_secs(30),
            patience: Duration::from_secs(5),
            queue_bytes_max: 64 << 20,
            partition_bytes_max: None,
            lease_ttl: Duration::from_secs(6),
            tidy: Duration::from_secs(1),
            fault: None,
        }
    }
}

impl Options {
    /// What permissions are granted to: the user, where one is named in a form that fits into a subject, or else this
    /// node.
    pub(crate) fn identity(&self) -> &str {
        let user = match &self.credentials {
            Credentials::User(user, _) => Some(user.as_str()),
            Credentials::None => self.urls.iter().find_map(|url| user_of(url)),
            Credentials::File(_) | Credentials::Seed(_) | Credentials::Token(_) => None,
        };
        let fits = |user: &&str| user.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        user.filter(|user| !user.is_empty()).filter(fits).unwrap_or(&self.name)
    }
}

/// The user that an address names beside a password: a lone word before the `@` is a token.
fn user_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let (user, _) = rest.rsplit_once('@')?.0.split_once(':')?;
    Some(user)
}

/// Who this is to the servers.
#[derive(Clone, Default)]
pub enum Credentials {
    /// Nobody in particular.
    #[default]
    None,
    /// A `.creds` file.
    File(PathBuf),
    /// A file with an nkey seed.
    Seed(PathBuf),
    /// A token.
    Token(String),
    /// A user and a password.
    User(String, String),
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::File(path) => write!(f, "File({})", path.display()),
            Self::Seed(path) => write!(f, "Seed({})", path.display()),
            Self::Token(_) => f.write_str("Token(…)"),
            Self::User(user, _) => write!(f, "User({user}, …)"),
        }
    }
}

/// Encryption.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Refuse servers that do not encrypt.
    pub required: bool,
    /// A PEM file of authorities to trust beside the system's.
    pub authorities: Option<PathBuf>,
    /// PEM files of this client's certificate and key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// A bug to plant.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answers publishers that all is well where the servers have not, or have said "not now".
    AcknowledgeUnconfirmed,
    /// Sends an unknown publish again without its ids.
    RetryWithoutIds,
    /// Sends messages of one key side by side.
    PipelineOneKey,
    /// Lets a lease go stale, as a paused process would. Not a bug: what the others are about.
    NeverRenew,
    /// Lets a lease go stale and works on all the same, as a process paused between looking and sending would.
    NeverRenewNorLook,
    /// The same, and the one that takes over goes on with the consumer it finds.
    TakeOverKeepsConsumer,
    /// Never looks after what was delivered and did not arrive.
    ForgetLostDeliveries,
    /// Takes it that what was asked for will come: wants no heartbeats, and asks anew neither after a change of leaders nor
    /// after a silence.
    TrustPulls,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_asked_for_by_user_or_by_node() {
        let identity = |credentials, url: &str| {
            let (urls, name) = (vec![url.to_owned()], "f1".to_owned());
            Options { credentials, urls, name, ..Options::default() }.identity().to_owned()
        };
        let user = |user: &str| Credentials::User(user.to_owned(), "secret".to_owned());
        assert_eq!(identity(user("forwarder"), "nats://host"), "forwarder");
        assert_eq!(identity(user("*.>"), "nats://host"), "f1");
        assert_eq!(identity(Credentials::None, "nats://inbox:p@ss@host:4222"), "inbox");
        assert_eq!(identity(Credentials::None, "nats://token@host:4222"), "f1");
        assert_eq!(identity(Credentials::Token("t".to_owned()), "nats://a:b@host"), "f1");
        assert_eq!(identity(Credentials::None, "nats://host:4222"), "f1");
    }
}
