//! What to start.

use super::{authorization::Authorization, tls::Authority};

/// When the server writes through to the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sync {
    /// `sync_interval: always`: an acknowledged message survives a power failure.
    #[default]
    Always,
    /// The server's default of two minutes: acknowledged before it is on the disk.
    Relaxed,
}

/// What JetStream may keep, and where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Store {
    /// In files, as much as the server takes by itself: three quarters of what is free.
    #[default]
    File,
    /// In files, at most so many bytes.
    FileAtMost(u64),
    /// In memory only: a stream in files is refused.
    MemoryOnly,
    /// No JetStream.
    None,
}

/// A server to start. The default is what Catena asks for: JetStream in files, synced always, payloads up to 2 MB,
/// nobody asked for a password.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The server's name, as it appears in a cluster.
    pub name: String,
    /// When it syncs.
    pub sync: Sync,
    /// What JetStream keeps.
    pub store: Store,
    /// The largest payload, in bytes.
    pub max_payload: u64,
    /// Who may connect and do what.
    pub authorization: Authorization,
    /// Where set, clients must speak TLS, to a certificate of this authority.
    pub tls: Option<Authority>,
    /// Further lines for the end of the configuration file.
    pub further: String,
    /// Further environment, which a configuration may read (`password: $NAME`).
    pub environment: Vec<(String, String)>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            name: "n1".to_owned(),
            sync: Sync::default(),
            store: Store::default(),
            max_payload: 2_000_000,
            authorization: Authorization::default(),
            tls: None,
            further: String::new(),
            environment: Vec::new(),
        }
    }
}

impl Setup {
    /// A server that acknowledges before it has synced.
    #[must_use]
    pub fn relaxed() -> Self {
        Self { sync: Sync::Relaxed, ..Self::default() }
    }

    /// A server whose JetStream keeps this.
    #[must_use]
    pub fn with_store(store: Store) -> Self {
        Self { store, ..Self::default() }
    }

    /// A server that lets these in.
    #[must_use]
    pub fn with_authorization(authorization: Authorization) -> Self {
        Self { authorization, ..Self::default() }
    }
}
