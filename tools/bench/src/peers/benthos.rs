//! Redpanda Connect's open core, as its users run it: a configuration, one pipeline thread, messages that it makes itself.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context as _, bail};

use super::{Found, Peer};
use crate::{chain::STEPS, report::Row, usage};

/// Messages that tell the manners apart.
const TRIAL: u32 = 20_000;
/// Microseconds a message that a run is planned with.
const MICROS_EXPECTED: f64 = 25.0;
/// Does two fields' worth, and drops what it does not want.
const CHECK: &str = r#"this.actor == "" || this.lang == "xx""#;

/// Ways to write a filter.
const MANNERS: [&str; 3] = ["mapping", "mutation", "switch"];

struct Benthos {
    program: PathBuf,
    folder: PathBuf,
    /// The fastest way, once it was tried.
    manner: Option<&'static str>,
}

/// Where it was built, or is on the path.
pub(super) fn find(peers: &Path, folder: &Path) -> Found {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = [peers.to_owned()].into_iter().chain(std::env::split_paths(&path));
    let Some(program) = places.find_map(|place| Some(place.join("benthos")).filter(|file| file.is_file()))
    else {
        let how = "`cargo xtask bench peers` builds it, where there are Go and git; or clone \
                   https://github.com/redpanda-data/benthos and `go build -o <here>/target/peers/benthos ./cmd/benthos`";
        return Err(Row::absent("`benthos`: five processors", how));
    };
    Ok(Box::new(Benthos { program, folder: folder.to_owned(), manner: None }))
}

impl Peer for Benthos {
    fn what(&self) -> String {
        format!("`benthos`: five processors, `{}`", self.manner.unwrap_or("none"))
    }

    fn note(&self) -> String {
        format!(
            "processor time above a run without filters; the fastest of {}; batches of 64, one thread",
            MANNERS.map(|manner| format!("`{manner}`")).join(", ")
        )
    }

    fn measure(&mut self, message: &Path, seconds: f64) -> anyhow::Result<f64> {
        let manner = match self.manner {
            Some(manner) => manner,
            None => self.choose(message)?,
        };
        let count = (seconds * 1e6 / MICROS_EXPECTED).max(f64::from(TRIAL)) as u32;
        let (with, without) = (self.run(message, Some(manner), count)?, self.run(message, None, count)?);
        Ok((with - without) * 1e6 / f64::from(count))
    }
}

impl Benthos {
    fn choose(&mut self, message: &Path) -> anyhow::Result<&'static str> {
        let mut tried = Vec::new();
        for manner in MANNERS {
            tried.push((self.run(message, Some(manner), TRIAL)?, manner));
        }
        let (_, fastest) =
            tried.into_iter().min_by(|a, b| a.0.total_cmp(&b.0)).context("no manner was tried")?;
        self.manner = Some(fastest);
        Ok(fastest)
    }

    /// Seconds of processor time for so many messages; where the system does not tell, seconds.
    fn run(&self, message: &Path, manner: Option<&str>, count: u32) -> anyhow::Result<f64> {
        let file = self.folder.join("benthos.yaml");
        std::fs::write(&file, configuration(message, manner, count))?;
        let (before, began) = (usage::of_ended(), Instant::now());
        let output = Command::new(&self.program)
            .arg("run")
            .arg(&file)
            .env("GOMAXPROCS", "1")
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("failed to start `{}`", self.program.display()))?;
        if !output.status.success() {
            bail!("benthos ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
        }
        let used = before.zip(usage::of_ended()).map(|(before, after)| after.saturating_sub(before));
        Ok(used.unwrap_or_else(|| began.elapsed()).as_secs_f64())
    }
}

fn configuration(message: &Path, manner: Option<&str>, count: u32) -> String {
    let mut text = format!(
        "input:\n  generate:\n    count: {count}\n    interval: ''\n    batch_size: 64\n    \
         mapping: 'root = file(\"{}\").string()'\noutput:\n  drop: {{}}\nlogger:\n  level: ERROR\n\
         http:\n  enabled: false\npipeline:\n  threads: 1\n  processors:\n",
        message.display()
    );
    for _ in 0..STEPS {
        let _ = match manner {
            Some("switch") => {
                write!(
                    text,
                    "    - switch:\n        - check: '{CHECK}'\n          processors: [{{mapping: 'root = deleted()'}}]\n"
                )
            }
            Some(manner) => writeln!(text, "    - {manner}: 'root = if {CHECK} {{ deleted() }}'"),
            None => Ok(()),
        };
    }
    if manner.is_none() {
        text.push_str("    []\n");
    }
    text
}
