use clap::Args;
use reqwest::{Method, RequestBuilder};

use super::{client, url};
use crate::exit::Result;

/// The data plane of a running node.
#[derive(Args, Clone, Debug)]
pub(crate) struct Node {
    /// Where the node listens for clients.
    #[arg(
        long,
        value_name = "URL",
        env = "CATENA_URL",
        hide_env_values = true,
        default_value = "http://127.0.0.1:8080"
    )]
    to: String,
}

impl Node {
    /// # Errors
    /// The address is none, or HTTP cannot be set up.
    pub(crate) fn connect(&self) -> Result<Client> {
        Ok(Client { http: client()?, url: url(&self.to)? })
    }
}

/// Talks to the data plane.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
}

impl Client {
    /// A request for a path.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    /// Where the node is.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}
