use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::{Deserialize, de::DeserializeOwned};

use super::{Problem, answer, client, url};
use crate::exit::Result;

/// Where the management plane listens unless told otherwise.
const URL_DEFAULT: &str = "http://127.0.0.1:8081";

/// The management plane of a running node.
#[derive(Args, Clone, Debug)]
pub(crate) struct Management {
    /// The data folder of a node on this machine: its address and token are found there.
    #[arg(long, value_name = "DIR", env = "CATENA_DATA", hide_env_values = true, default_value = "data")]
    data: PathBuf,
    /// Where the node listens for management, if not as its data folder says.
    #[arg(long, value_name = "URL", env = "CATENA_ADMIN", hide_env_values = true)]
    admin: Option<String>,
    /// The token, if not the one in the data folder.
    #[arg(long, value_name = "TOKEN", env = "CATENA_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

/// What a node leaves in its data folder while it runs.
#[derive(Deserialize)]
struct Addresses {
    admin: String,
}

impl Management {
    /// # Errors
    /// There is neither a token nor a data folder with one, no node runs on that folder, or the address is none.
    pub(crate) fn connect(&self) -> Result<Client> {
        let token = match &self.token {
            Some(token) => token.clone(),
            None => read(&self.data.join("admin.token"))
                .context("the management plane needs a token: give the node's data folder (`--data`)")?,
        };
        let address = match (&self.admin, self.address(), &self.token) {
            (Some(address), _, _) => address.clone(),
            (None, Some(address), _) => address,
            // A token that was handed over says nothing of a folder on this machine.
            (None, None, Some(_)) => URL_DEFAULT.to_owned(),
            (None, None, None) => bail!(
                "no node runs on the data folder `{0}`: start one with `catena up --data {0}`, or say where it listens with \
                 `--admin`",
                self.data.display()
            ),
        };
        Ok(Client { http: client()?, url: url(&address)?, token })
    }

    fn address(&self) -> Option<String> {
        let text = read(&self.data.join("addresses.json")).ok()?;
        Some(serde_json::from_str::<Addresses>(&text).ok()?.admin)
    }
}

fn read(path: &Path) -> Result<String> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("failed to read `{}`", path.display()))?;
    Ok(text.trim().to_owned())
}

/// Talks to the management plane.
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    token: String,
}

/// A list as the management plane gives it.
#[derive(Deserialize)]
pub(crate) struct Items<T> {
    pub(crate) items: Vec<T>,
    /// Where the next page would begin, if there is one.
    pub(crate) next: Option<u64>,
}

impl Client {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url)).bearer_auth(&self.token)
    }

    /// One thing.
    ///
    /// # Errors
    /// No answer, a refusal, or something else than expected.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let response = ask(self.request(Method::GET, path)).await?;
        response.json().await.with_context(|| format!("the answer to {path} is not understood"))
    }

    /// A list of things.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(crate) async fn list<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>> {
        Ok(self.get::<Items<T>>(path).await?.items)
    }

    /// Sends lines of JSON, and takes the answer's lines.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(crate) async fn send_lines(&self, path: &str, lines: String) -> Result<String> {
        let request =
            self.request(Method::POST, path).header("content-type", "application/x-ndjson").body(lines);
        ask(request).await?.text().await.with_context(|| format!("the answer to {path} broke off"))
    }

    /// Asks for something to be done.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.change(Method::POST, path).await
    }

    /// Asks for something to be taken away.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(crate) async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.change(Method::DELETE, path).await
    }

    async fn change<T: DeserializeOwned>(&self, method: Method, path: &str) -> Result<T> {
        let response = ask(self.request(method, path)).await?;
        response.json().await.with_context(|| format!("the answer to {path} is not understood"))
    }
}

/// As [`answer`]; of a token that is not taken, says how another is given.
async fn ask(request: RequestBuilder) -> Result<Response> {
    let answered = answer(request).await;
    let refused = |error: &anyhow::Error| {
        let problem = error.downcast_ref::<Problem>();
        problem.is_some_and(|problem| problem.status == StatusCode::UNAUTHORIZED.as_u16())
    };
    if answered.as_ref().is_err_and(refused) {
        return answered.context(
            "the node does not take this token: name its data folder with `--data`, or its token with `--token`",
        );
    }
    answered
}
