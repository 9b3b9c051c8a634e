use std::net::SocketAddr;

use thiserror::Error;

/// The server could not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The address is taken or not ours.
    #[error("failed to listen on `{address}`")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}
