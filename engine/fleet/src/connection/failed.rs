//! Why there is no connection, and what to do about it.

use std::path::Path;

use async_nats::{ConnectError, ConnectErrorKind};

use super::{chain, unfit};
use crate::{Credentials, Error, Options, Result};

/// What came of trying to connect to `urls`.
pub(super) fn to_connect(urls: &str, options: &Options, error: &ConnectError) -> Error {
    let what = chain(error);
    let remedy = match error.kind() {
        ConnectErrorKind::AuthorizationViolation => match &options.credentials {
            Credentials::None => "it lets nobody in without a name: give this node credentials",
            _ => {
                "it does not know these credentials: correct them, or add them to the server's configuration"
            }
        },
        ConnectErrorKind::Authentication => "these credentials cannot be used: is it the right file?",
        // The encryption reports what it does not like as trouble with the wire.
        _ if what.contains("invalid peer certificate") => {
            "no authority this node trusts has signed the server's certificate: name the file of the one that did"
        }
        _ if what.contains("InvalidContentType") => {
            "it does not encrypt: set `tls` in the server's configuration, or ask for no encryption"
        }
        _ => "start a server there, or correct the address",
    };
    unfit(format!("failed to connect to NATS at {urls}: {what}; {remedy}"))
}

/// Makes sure that a file can be read before the client says only that one cannot.
pub(super) async fn to_read(what: &str, path: &Path) -> Result<String> {
    let read = tokio::fs::read_to_string(path).await;
    read.map_err(|error| unfit(format!("failed to read {what} in {}: {error}", path.display())))
}
