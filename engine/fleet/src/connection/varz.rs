//! Whether the servers sync before they acknowledge. Only their monitoring pages tell.

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::Durability;
use crate::Options;

/// More than any `/varz` page.
const PAGE_BYTES_MAX: u64 = 4 << 20;

pub(super) async fn durability(options: &Options) -> Durability {
    if options.monitoring.is_empty() {
        let why = "unknown: no monitoring address is configured".to_owned();
        return Durability::Relaxed { why };
    }
    for address in &options.monitoring {
        let page = timeout(options.timeout, page(address)).await;
        let page = page.unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut)));
        let why = match page {
            Err(error) => format!("unknown: {address} does not tell: {error}"),
            Ok(page) => match page.pointer("/jetstream/config/sync_always").and_then(Value::as_bool) {
                Some(true) => continue,
                _ => format!(
                    "the server at {address} acknowledges before it syncs: set `jetstream {{ sync_interval: always }}`"
                ),
            },
        };
        return Durability::Relaxed { why };
    }
    Durability::Durable
}

/// HTTP/1.0, so that the answer ends with the connection.
async fn page(address: &str) -> std::io::Result<Value> {
    let bad = |what: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, what.to_owned());
    let rest = address.strip_prefix("http://").ok_or_else(|| bad("only http:// addresses are understood"))?;
    let host = rest.split('/').next().unwrap_or(rest);
    let mut stream = TcpStream::connect(host).await?;
    stream.write_all(format!("GET /varz HTTP/1.0\r\nHost: {host}\r\n\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(PAGE_BYTES_MAX).read_to_end(&mut answer).await?;
    let at = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(|| bad("no answer"))?;
    let body = answer.get(at + 4..).unwrap_or_default();
    serde_json::from_slice(body).map_err(|error| bad(&error.to_string()))
}
