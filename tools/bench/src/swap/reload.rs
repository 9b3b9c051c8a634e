//! From a changed file to the first message through the new generation, and how long the flow pauses meanwhile.
//!
//! A node under steady load runs posts through a chain into the stream `out`. Every output says which generation
//! made it and when it became durable, so the account is read afterwards from the stream itself and nothing
//! that measures stands in the way.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, bail};
use hyper::StatusCode;
use serde_json::Value;
use testkit::{
    bundles,
    client::Client,
    save::{Style, save},
};

use crate::{
    feed::posts::request,
    load::{self, Pace},
    node::{Node, catena},
    report::Row,
};

const CONNECTIONS: u64 = 4;
/// Changes of each kind.
const CHANGES: usize = 40;
/// Between two changes: longer than one takes to go live.
const EVERY: Duration = Duration::from_millis(600);

/// Runs the benchmark.
pub(crate) async fn run() -> anyhow::Result<Vec<Row>> {
    let folder = tempfile::tempdir_in(bundles::target())?;
    let guest = bundles::guests()?.join("stamp.wasm");
    let node = Node::with(|setup| {
        std::fs::create_dir_all(&setup.chains)?;
        std::fs::create_dir_all(&setup.bundles)?;
        std::fs::write(setup.chains.join("out.toml"), chain(0))?;
        std::fs::copy(&guest, setup.bundles.join("stamp.wasm"))?;
        Ok(())
    })
    .await?;
    let setup = node.process.setup().clone();
    let releases = releases(folder.path())?;

    let address = node.process.addresses().http.clone();
    let time = EVERY * u32::try_from(2 * CHANGES + 2)?;
    let post = Arc::new(|n: u64| {
        let body = format!(r#"{{"actor":"{}","verb":"note","text":"{n}"}}"#, n % 100);
        request("POST", "/v1/posts", body).unwrap_or_default()
    });
    let load = tokio::spawn(async move {
        load::drive(&address, CONNECTIONS, Pace::Fastest, time, StatusCode::ACCEPTED, post).await
    });
    tokio::time::sleep(EVERY).await;
    let chain_file = setup.chains.join("out.toml");
    let chains = changes((1..=CHANGES).map(|n| chain(n).into_bytes()), &chain_file).await?;
    let bundle_file = setup.bundles.join("stamp.wasm");
    let mut contents = Vec::new();
    for release in &releases {
        contents.push(std::fs::read(release)?);
    }
    let bundle_bytes = contents.first().map_or(0, Vec::len);
    let swaps = changes(contents.into_iter(), &bundle_file).await?;
    let load = load.await??;

    let flow = Flow::read(&node.process.client()?).await?;
    let (chains, swaps) = (flow.delays_ms(&chains)?, flow.delays_ms(&swaps)?);
    let note = |ms: &[u64]| format!("p50 {} ms, {} changes", quantile(ms, 0.5), ms.len());
    Ok(vec![
        Row::new("chain file changed → first message, p99", quantile(&chains, 0.99) as f64, "ms")
            .note(note(&chains)),
        Row::new("bundle changed → first message, p99", quantile(&swaps, 0.99) as f64, "ms").note(format!(
            "{}, {} KB",
            note(&swaps),
            bundle_bytes / 1000
        )),
        Row::new("longest gap between outputs round a swap, p50", flow.gap_ms(true) as f64, "ms")
            .beside("windows without one", flow.gap_ms(false).max(1) as f64)
            .note(format!("{:.0} posts/s while it ran", load.rate())),
    ])
}

/// A chain whose `n`th version differs in a setting.
fn chain(n: usize) -> String {
    format!(
        "[chain]\nid = \"out\"\ninput = \"posts\"\noutput = \"out\"\n\n\
         [[step]]\nid = \"stamp\"\nuses = \"stamp@^1\"\nsettings = {{ mark = \"{n}\" }}\n"
    )
}

/// The same guest under other versions, so that each has other bytes to compile.
fn releases(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    (1..=CHANGES)
        .map(|n| {
            let to = folder.join(n.to_string());
            bundles::release_as(&catena()?, "tools/testkit/guests/stamp", &format!("1.0.{n}"), &to)?;
            Ok(to.join("stamp.wasm"))
        })
        .collect()
}

/// Saves one content after another; answers when each was in place, milliseconds since 1970.
async fn changes(contents: impl Iterator<Item = Vec<u8>>, path: &Path) -> anyhow::Result<Vec<u64>> {
    let mut at = Vec::new();
    for content in contents {
        save(Style::RenameOver, path, &content)?;
        at.push(u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?);
        tokio::time::sleep(EVERY).await;
    }
    Ok(at)
}

/// When outputs became durable, by generation.
struct Flow {
    /// Milliseconds since 1970, ascending.
    outputs: Vec<u64>,
    /// The first output of each generation.
    first: BTreeMap<u64, u64>,
}

impl Flow {
    async fn read(client: &Client) -> anyhow::Result<Self> {
        let (mut outputs, mut first) = (Vec::new(), BTreeMap::new());
        for stored in client.stored("out").await? {
            let at =
                stored.get("accepted_at_ms").and_then(Value::as_u64).context("an output without a time")?;
            let headers = stored.pointer("/message/headers").and_then(Value::as_array);
            let generation = headers
                .into_iter()
                .flatten()
                .find(|header| header.get(0).and_then(Value::as_str) == Some("catena-generation"))
                .and_then(|header| header.get(1)?.as_str()?.parse().ok())
                .context("an output without a generation")?;
            outputs.push(at);
            let earliest = first.entry(generation).or_insert(at);
            *earliest = at.min(*earliest);
        }
        outputs.sort_unstable();
        Ok(Self { outputs, first })
    }

    /// From each change to the first output of a generation that began after it, ascending.
    fn delays_ms(&self, changes: &[u64]) -> anyhow::Result<Vec<u64>> {
        let mut delays = Vec::new();
        for change in changes {
            let Some(live) = self.first.values().find(|first| *first >= change) else {
                bail!("a change never went live")
            };
            delays.push(live - change);
        }
        delays.sort_unstable();
        Ok(delays)
    }

    /// The median, over swaps, of the longest gap between two outputs within 50 ms of the swap; or, to compare,
    /// within windows of the same size half-way between two swaps.
    fn gap_ms(&self, at_swaps: bool) -> u64 {
        let swaps: Vec<u64> = self.first.values().skip(1).copied().collect();
        let shift = if at_swaps { 0 } else { u64::try_from(EVERY.as_millis()).unwrap_or(0) / 2 };
        let mut gaps: Vec<u64> = swaps
            .iter()
            .map(|swap| {
                let centre = swap + shift;
                let window = self.outputs.iter().filter(|at| at.abs_diff(centre) <= 50);
                let times: Vec<u64> = window.copied().collect();
                times.iter().zip(times.iter().skip(1)).map(|(a, b)| b - a).max().unwrap_or(100)
            })
            .collect();
        gaps.sort_unstable();
        quantile(&gaps, 0.5)
    }
}

/// A quantile of ascending values.
fn quantile(values: &[u64], quantile: f64) -> u64 {
    let at = (values.len() as f64 * quantile) as usize;
    values.get(at.min(values.len().saturating_sub(1))).copied().unwrap_or(0)
}
