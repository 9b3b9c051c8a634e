//! Requests to JetStream's API, with one way for them to fail.

use std::time::Duration;

use async_nats::jetstream::{
    Context,
    context::{PublishError, RequestErrorKind},
    response::Response,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Connection, Error,
    connection::{Denied, chain},
};

pub(crate) const CONSUMER_NOT_FOUND: u64 = 10014;
pub(crate) const STREAM_NOT_FOUND: u64 = 10059;
pub(crate) const STREAM_NAME_EXISTS: u64 = 10058;
pub(crate) const NO_MESSAGE: u64 = 10037;
pub(crate) const SUBJECTS_OVERLAP: u64 = 10065;
pub(crate) const NO_MORE_STREAMS: u64 = 10027;
pub(crate) const NO_PEERS: u64 = 10005;
pub(crate) const NO_STORAGE: u64 = 10047;

/// Answers that say "unavailable" and do not pass by themselves: JetStream is not enabled here, or for the account.
const PERMANENT: [u64; 2] = [10076, 10039];

/// What is asked where there is nothing to say.
#[derive(Serialize)]
pub(crate) struct Nothing {}

/// What JetStream answered to a publish that it refused, if it answered.
pub(crate) fn refusal(error: &PublishError) -> Option<(u64, String)> {
    let source = std::error::Error::source(error)?;
    let refused = source.downcast_ref::<async_nats::jetstream::Error>()?;
    Some((refused.error_code().0, refused.to_string()))
}

/// Why a request failed.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// JetStream said no.
    Refused { code: u64, what: String },
    /// Nobody answered, or nothing that can be read. Whether it was done is not known.
    Away(String),
    /// Nobody will answer by waiting: no server there has JetStream, or this user may not ask.
    Unheard(String),
}

impl From<Trouble> for Error {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Refused { code, what } => match full(code, &what) {
                Some(full) => full,
                None => Self::Unfit { reason: format!("JetStream refused: {what}") },
            },
            Trouble::Away(reason) | Trouble::Unheard(reason) => Self::Away { reason },
        }
    }
}

/// The error for an answer that says that there is no room, if it does.
pub(crate) fn full(code: u64, what: &str) -> Option<Error> {
    let reason = match code {
        10002 | 10028 => format!("the account's limits are reached ({what}): raise them, or remove streams"),
        10023 | 10047 => format!("the server is out of storage ({what}): give it more, or remove streams"),
        10077 if what.contains("maximum") => {
            format!(
                "the stream is as large as it may be ({what}): raise its `max_bytes`, or let its groups catch up"
            )
        }
        _ => return None,
    };
    Some(Error::Full { reason })
}

pub(crate) async fn call<T: DeserializeOwned>(
    (context, denied): (&Context, &Denied),
    timeout: Duration,
    subject: &str,
    body: &(impl Serialize + ?Sized),
) -> Result<T, Trouble> {
    // Handing a request over waits as well while no server is there.
    let request = tokio::time::timeout(timeout, context.request(subject.to_owned(), body)).await;
    let away = |reason: String| {
        let full = format!("$JS.API.{subject}");
        if denied.take(&full) {
            return Trouble::Unheard(format!(
                "NATS does not allow this user to publish to `{full}`: call `catena fleet init` as one who may, or grant it"
            ));
        }
        Trouble::Away(reason)
    };
    match request {
        Err(_) => Err(away(format!("no answer to {subject} within {timeout:?}"))),
        Ok(Err(error)) if error.kind() == RequestErrorKind::NoResponders => {
            Err(Trouble::Unheard(format!("nobody answers {subject}")))
        }
        Ok(Err(error)) => Err(away(format!("{subject}: {}", chain(&error)))),
        Ok(Ok(Response::Ok(answer))) => Ok(answer),
        Ok(Ok(Response::Err { error })) => {
            let (code, what) = (error.error_code().0, error.to_string());
            // Between two leaders, or just now starting: it passes.
            if error.code() == 503 && full(code, &what).is_none() && !PERMANENT.contains(&code) {
                return Err(Trouble::Away(what));
            }
            Err(Trouble::Refused { code, what })
        }
    }
}

impl Connection {
    pub(crate) async fn api<T: DeserializeOwned>(
        &self,
        subject: &str,
        body: &(impl Serialize + ?Sized),
    ) -> Result<T, Trouble> {
        self.api_within(self.options().timeout, subject, body).await
    }

    /// As [`api`](Self::api), with another patience than the connection's.
    pub(crate) async fn api_within<T: DeserializeOwned>(
        &self,
        timeout: Duration,
        subject: &str,
        body: &(impl Serialize + ?Sized),
    ) -> Result<T, Trouble> {
        call((self.context(), self.denied()), timeout, subject, body).await
    }
}
