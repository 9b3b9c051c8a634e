//! Instructions instead of time: valgrind's callgrind counts them, the same in every run whatever else the machine does. They
//! say nothing of caches and waiting, but a change of a few percent shows.
//!
//! Each contender runs in a process of its own, twice, with few batches and with many: the difference is what the batches
//! cost, without start and compilation.

use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

use super::{
    BATCH, STEPS,
    bare::{self, Bare},
    filters::natively,
    floor::Floor,
    plans::{self, Batch, Guests},
};
use crate::{message, report::Row};

const FEW: u32 = 20;
const MANY: u32 = 120;
/// valgrind has little more than 64 GiB of addresses in one piece; an instance reserves 8.
const INSTANCES_MAX: u32 = 6;
/// What is run, what it is called, and what stands beside it, under which name.
type Contender = (&'static str, &'static str, Option<(&'static str, &'static str)>);

const CONTENDERS: [Contender; 6] = [
    ("core", "five core calls, the message copied in", None),
    ("bare", "five bare component calls, by value", Some(("core", "core calls"))),
    ("by-value", "a chain of five by value", Some(("bare", "bare calls"))),
    ("batches", "a chain of five, 64 messages at a time", Some(("core", "core calls"))),
    ("native", "five native functions that read two fields, over one `serde_json` value", None),
    ("filters", "a chain of five that read two fields, 64 messages at a time", Some(("native", "native"))),
];

/// Runs the benchmark.
pub(crate) fn run() -> anyhow::Result<Vec<Row>> {
    let valgrind =
        Command::new("valgrind").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !valgrind.is_ok_and(|status| status.success()) {
        return Ok(vec![Row::absent("instructions", "needs valgrind: `apt install valgrind`")]);
    }
    let mut counts = Vec::new();
    for (name, ..) in CONTENDERS {
        let more = count(name, MANY)? - count(name, FEW)?;
        counts.push((name, more / f64::from(MANY - FEW) / BATCH as f64));
    }
    let of =
        |name: &str| counts.iter().find(|(known, _)| *known == name).map_or(f64::NAN, |(_, count)| *count);
    Ok(CONTENDERS
        .iter()
        .map(|(name, what, beside)| {
            let row = Row::new(*what, of(name), "");
            match beside {
                Some((other, called)) => row.beside(called, of(other)),
                None => row,
            }
        })
        .collect())
}

/// All instructions of a process that runs so many batches.
fn count(contender: &str, batches: u32) -> anyhow::Result<f64> {
    let folder = tempfile::tempdir_in(testkit::bundles::target())?;
    let file = folder.path().join("callgrind");
    let output = Command::new("valgrind")
        // Compiled guests are code that appears while the process runs.
        .args(["--tool=callgrind", "--smc-check=all-non-file"])
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(std::env::current_exe()?)
        .args(["--exactly", contender, &batches.to_string()])
        .output()
        .context("failed to start valgrind")?;
    if !output.status.success() {
        bail!("valgrind ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    let counted = std::fs::read_to_string(&file).context("valgrind left no counts")?;
    let total = counted.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok());
    total.context("valgrind's counts have no total")
}

/// Runs so many batches of one contender.
pub(crate) fn exactly(contender: &str, batches: u32) -> anyhow::Result<()> {
    let mut batch = Batch::of(&message::of(message::BYTES), BATCH);
    let guests = |names: &[&str]| Guests::new(names, INSTANCES_MAX);
    let mut work: Box<dyn FnMut() -> anyhow::Result<()>> = match contender {
        "core" => {
            let mut floor = Floor::new(&bare::engine()?, STEPS)?;
            Box::new(move || batch.messages().iter().try_for_each(|m| floor.run(m)))
        }
        "bare" => {
            let mut bare = Bare::new(&bare::engine()?, &plans::file("pass-by-value")?.bytes, STEPS)?;
            Box::new(move || batch.messages().iter().try_for_each(|m| bare.run(m).map(drop)))
        }
        "by-value" => {
            let plan = guests(&["pass-by-value"])?.plan("pass-by-value", STEPS)?;
            Box::new(move || batch.one_by_one(&plan))
        }
        "batches" => {
            let plan = guests(&["pass"])?.plan("pass", STEPS)?;
            Box::new(move || batch.together(&plan, BATCH))
        }
        "native" => Box::new(move || batch.messages().iter().try_for_each(natively)),
        "filters" => {
            let plan = guests(&["fields"])?.plan("fields", STEPS)?;
            Box::new(move || batch.together(&plan, BATCH))
        }
        _ => bail!("there is no contender `{contender}`"),
    };
    (0..batches).try_for_each(|_| work())
}
