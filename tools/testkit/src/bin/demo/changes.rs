//! What is changed while the posts flow, and how the node answers.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use serde_json::Value;
use testkit::{
    chain_file::ChainFile,
    client::Client,
    load::Load,
    save::{Style, save},
    wait,
};

use crate::{crowd::bar, stage::Stage};

/// A change must have been answered by a receipt within this time.
const RECEIPT_AT_MOST: Duration = Duration::from_secs(10);

/// One change: what it is called, and what is saved where.
struct Change {
    what: &'static str,
    style: Style,
    make: fn(&Stage) -> Result<Saved>,
}

/// A path, and what it is to hold.
type Saved = (PathBuf, Vec<u8>);

const CHANGES: &[Change] = &[
    Change {
        what: "a new version of a bundle: enrich 1.1.0",
        style: Style::RenameOver,
        make: |stage| Ok((stage.bundle("enrich"), stage.release("enrich", "1.1.0")?)),
    },
    Change {
        what: "a setting: longer texts are taken",
        style: Style::Truncate,
        make: |stage| edited(stage, |chain| chain.set("validate", "text_max", 3000)),
    },
    Change {
        what: "two mistakes: a key that does not exist, and a bundle that nobody has",
        style: Style::Backup,
        make: |stage| {
            edited(stage, |chain| {
                chain.set_key("validate", "surprise", true)?;
                chain.set_key("enrich", "uses", "enrihc@^1")
            })
        },
    },
    Change {
        what: "both put right",
        style: Style::RenameOver,
        make: |stage| {
            edited(stage, |chain| {
                let sound = ChainFile::read(&testkit::bundles::root().join("chains/feed.toml"))?;
                *chain = sound;
                chain.set("validate", "text_max", 4000)
            })
        },
    },
    Change {
        what: "a new version of a bundle, uploaded piece by piece: spam-filter 1.1.0",
        style: Style::AppendPieces,
        make: |stage| Ok((stage.bundle("spam-filter"), stage.release("spam-filter", "1.1.0")?)),
    },
    Change {
        what: "back to where it was: enrich 1.0.0",
        style: Style::HardLink,
        make: |stage| Ok((stage.bundle("enrich"), stage.release("enrich", "1.0.0")?)),
    },
];

fn edited(stage: &Stage, edit: impl Fn(&mut ChainFile) -> Result<()>) -> Result<Saved> {
    let path = stage.chain();
    let mut chain = ChainFile::read(&path)?;
    edit(&mut chain)?;
    Ok((path, chain.text().into_bytes()))
}

/// Makes the changes one after the other, spread over the load.
pub(crate) async fn direct(stage: &Stage, client: &Client, load: &Load, posts: u64) -> Result<()> {
    let bar = bar(posts, "posts");
    for (at, change) in (1..).zip(CHANGES) {
        let due = posts * at / (CHANGES.len() as u64 + 1);
        while load.answered() < due && !load.done() {
            bar.set_position(load.answered());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let said = make(change, stage, client).await.with_context(|| change.what.to_owned())?;
        bar.suspend(|| println!("{:>6} posts  {}\n              {said}", load.answered(), change.what));
    }
    while load.answered() < posts && !load.done() {
        bar.set_position(load.answered());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bar.finish_and_clear();
    Ok(())
}

/// Saves, and waits for the receipt: what it says, in a line.
async fn make(change: &Change, stage: &Stage, client: &Client) -> Result<String> {
    let before = newest(client).await?.map_or(0, |(number, _)| number);
    let (path, bytes) = (change.make)(stage)?;
    let began = Instant::now();
    let style = change.style;
    tokio::task::spawn_blocking(move || save(style, &path, &bytes)).await??;
    let receipt = wait::until("a receipt", RECEIPT_AT_MOST, async || {
        newest(client).await.ok().flatten().filter(|(number, _)| *number > before)
    });
    let (number, receipt) = receipt.await?;
    let text =
        |pointer: &str| receipt.pointer(pointer).map_or("?".to_owned(), |v| v.to_string().replace('"', ""));
    let generation = text("/generation");
    let ms = began.elapsed().as_millis();
    Ok(match text("/verdict").as_str() {
        "live" => format!("receipt {number}: generation {generation} is live, {ms} ms after the save began"),
        "refused" => format!(
            "receipt {number}: refused with {} faults, generation {generation} runs on",
            faults(&receipt)
        ),
        verdict => format!("receipt {number}: {verdict}"),
    })
}

fn faults(receipt: &Value) -> usize {
    receipt.get("faults").and_then(Value::as_array).map_or(0, Vec::len)
}

async fn newest(client: &Client) -> Result<Option<(u64, Value)>> {
    let receipts = client.manage("/v1/receipts?limit=1").await?;
    let newest = receipts.pointer("/items/0").cloned();
    Ok(newest.and_then(|receipt| Some((receipt.get("number")?.as_u64()?, receipt))))
}
