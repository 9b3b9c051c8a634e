//! One connection to NATS, shared by everything in this crate, and what was found out about the servers behind it.

mod checks;
mod denied;
mod failed;
mod varz;

use std::{fmt, sync::Arc};

use async_nats::{Client, ConnectOptions, Event, ServerError, jetstream::Context};
use tokio::sync::watch;

use crate::{Credentials, Error, Options, Result, metric, names::Names};
pub(crate) use denied::Denied;

/// Publishes of one process that may wait for their acknowledgements, over all partitions.
const ACKS_MAX: usize = 1 << 16;

/// Whether a server is there just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// A server answers.
    pub connected: bool,
    /// How often the connection was lost: what was sent before a change may not have arrived.
    pub losses: u64,
}

/// Whether servers sync before they acknowledge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Every one of them does.
    Durable,
    /// Not all do, or it is not known: a power failure may cost what was acknowledged.
    Relaxed {
        /// What was found.
        why: String,
    },
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Durable => f.write_str("durable"),
            Self::Relaxed { why } => write!(f, "relaxed ({why})"),
        }
    }
}

/// A checked connection. Clones share it.
#[derive(Clone)]
pub struct Connection(Arc<Inner>);

struct Inner {
    client: Client,
    context: Context,
    link: watch::Receiver<Link>,
    denied: Arc<Denied>,
    names: Names,
    options: Options,
    replicas: usize,
    durability: Durability,
}

impl Connection {
    /// Connects, and checks that the servers are fit. From then on it reconnects for as long as it lives.
    ///
    /// # Errors
    /// [`Error::Unfit`], with what to change, when no server answers or what answers will not do.
    pub async fn open(options: Options) -> Result<Self> {
        let names = Names::new(&options.prefix).ok_or_else(|| {
            unfit(format!("`{}` cannot begin names: use 1 to 32 of a-z, 0-9, `-` and `_`", options.prefix))
        })?;
        if !options.name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
            return Err(unfit(format!(
                "`{}` is no name for a node: use letters, digits, `-` and `_`",
                options.name
            )));
        }
        let (state, link) = watch::channel(Link { connected: true, losses: 0 });
        let denied = Arc::new(Denied::default());
        let connect = configure(&options, state, Arc::clone(&denied)).await?;
        let urls = options.urls.iter().map(|url| without_secrets(url)).collect::<Vec<_>>().join(", ");
        let connected = connect.connect(&options.urls).await;
        let client = connected.map_err(|error| failed::to_connect(&urls, &options, &error))?;
        let context = async_nats::jetstream::ContextBuilder::new()
            .timeout(options.timeout)
            .ack_timeout(options.timeout)
            .max_ack_inflight(ACKS_MAX)
            .build(client.clone());
        let checked = checks::check(&client, (&context, &denied), &options).await?;
        let durability = varz::durability(&options).await;
        match &durability {
            Durability::Durable => tracing::info!(urls, version = checked.version, "connected to NATS"),
            Durability::Relaxed { why } => {
                tracing::warn!(
                    urls,
                    version = checked.version,
                    why,
                    "connected to NATS, which is not durable"
                );
            }
        }
        Ok(Self(Arc::new(Inner {
            client,
            context,
            link,
            denied,
            names,
            replicas: checked.replicas,
            durability,
            options,
        })))
    }

    /// Whether a server is there just now.
    #[must_use]
    pub fn connected(&self) -> bool {
        self.0.link.borrow().connected
    }

    /// Tells when that changes.
    #[must_use]
    pub fn link(&self) -> watch::Receiver<Link> {
        self.0.link.clone()
    }

    /// Whether what is acknowledged survives a power failure.
    #[must_use]
    pub fn durability(&self) -> &Durability {
        &self.0.durability
    }

    /// Copies that streams and buckets are made with.
    #[must_use]
    pub fn replicas(&self) -> usize {
        self.0.replicas
    }

    /// This node's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.options.name
    }

    pub(crate) fn client(&self) -> &Client {
        &self.0.client
    }

    pub(crate) fn context(&self) -> &Context {
        &self.0.context
    }

    pub(crate) fn denied(&self) -> &Denied {
        &self.0.denied
    }

    pub(crate) fn names(&self) -> &Names {
        &self.0.names
    }

    pub(crate) fn options(&self) -> &Options {
        &self.0.options
    }
}

async fn configure(
    options: &Options,
    state: watch::Sender<Link>,
    denied: Arc<Denied>,
) -> Result<ConnectOptions> {
    let state = Arc::new(state);
    metrics::gauge!(metric::CONNECTED).set(1);
    let connect = ConnectOptions::new()
        .name(&options.name)
        .custom_inbox_prefix(format!("_INBOX_{}", options.identity()))
        .connection_timeout(options.timeout)
        .request_timeout(Some(options.timeout))
        .ping_interval(std::time::Duration::from_secs(10))
        .max_reconnects(None)
        .event_callback(move |event| {
            note(&state, &denied, &event);
            std::future::ready(())
        });
    let connect = match &options.credentials {
        Credentials::None => connect,
        Credentials::Token(token) => connect.token(token.clone()),
        Credentials::User(user, password) => connect.user_and_password(user.clone(), password.clone()),
        Credentials::File(path) => connect.credentials_file(path).await.map_err(|error| {
            unfit(format!("failed to read the credentials in {}: {error}", path.display()))
        })?,
        Credentials::Seed(path) => {
            connect.nkey(failed::to_read("the nkey seed", path).await?.trim().to_owned())
        }
    };
    let mut connect = connect.require_tls(options.tls.required);
    if let Some(path) = &options.tls.authorities {
        failed::to_read("the authorities", path).await?;
        connect = connect.add_root_certificates(path.clone());
    }
    if let Some((certificate, key)) = &options.tls.identity {
        failed::to_read("this node's certificate", certificate).await?;
        failed::to_read("the key of this node's certificate", key).await?;
        connect = connect.add_client_certificate(certificate.clone(), key.clone());
    }
    Ok(connect)
}

fn note(state: &watch::Sender<Link>, denied: &Denied, event: &Event) {
    match event {
        Event::ServerError(ServerError::Other(report)) if denied.note(report) => {
            tracing::error!(report, "NATS does not allow this user what the node needs")
        }
        Event::Connected => {
            tracing::info!("NATS is there");
            metrics::gauge!(metric::CONNECTED).set(1);
            state.send_modify(|link| link.connected = true);
        }
        Event::Disconnected | Event::Closed => {
            tracing::warn!(%event, "NATS is away");
            metrics::gauge!(metric::CONNECTED).set(0);
            state.send_modify(|link| *link = Link { connected: false, losses: link.losses + 1 });
        }
        Event::SlowConsumer(_) => {
            tracing::error!(%event, "the NATS client dropped messages: it was too slow")
        }
        _ => tracing::warn!(%event, "NATS reports"),
    }
}

/// An address for people: users and passwords are not shown.
fn without_secrets(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        (None, Some((_, host))) => host.to_owned(),
        (_, None) => url.to_owned(),
    }
}

pub(crate) fn unfit(reason: impl Into<String>) -> Error {
    Error::Unfit { reason: reason.into() }
}

/// An error with its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}
