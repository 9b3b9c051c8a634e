use std::path::{Path, PathBuf};

use anyhow::Context;
use chain::{Faults, Source};
use clap::Args;
use serde::Serialize;

use crate::{
    exit::{Failed, Result},
    output::{Output, coloured, data, talk},
    workbench::{BundlesFolder, Workbench, count, look_of, read},
};

/// Checks chain files and bundles, and shows everything that is wrong.
#[derive(Args)]
pub(crate) struct Check {
    /// Chain files (.toml, .json), bundles (.wasm), or folders of them.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    bundles: BundlesFolder,
}

#[derive(Serialize)]
struct Checked {
    file: String,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    faults: Option<Faults>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Checked {
    fn text(&self) -> String {
        match (&self.faults, &self.error) {
            (Some(faults), _) => faults.render(look_of(coloured())),
            (None, Some(error)) => format!("{}: {error}", self.file),
            (None, None) => format!("{}: ok", self.file),
        }
    }
}

impl Check {
    pub(crate) fn execute(self, output: Output) -> Result<()> {
        let files = self.files.iter().map(expand).collect::<Result<Vec<_>>>()?.concat();
        // The engine is started for chains only.
        let mut workbench = None;
        let mut bad = 0;
        for file in &files {
            let checked = if file.extension().is_some_and(|e| e == "wasm") {
                bundle(file)
            } else {
                let workbench = match &mut workbench {
                    Some(workbench) => workbench,
                    none => none.insert(Workbench::open(&self.bundles)?),
                };
                chain(workbench, file)
            };
            bad += usize::from(!checked.ok);
            output.print(&checked, Checked::text)?;
        }
        if bad > 0 {
            talk(&format!("{} of {} wrong", bad, count(files.len(), "file")));
            return Err(Failed.into());
        }
        if files.is_empty() {
            data("")?;
            talk("no chain file and no bundle there");
        }
        Ok(())
    }
}

/// A file as itself, a folder as the chain files and bundles in it.
fn expand(path: &PathBuf) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.clone()]);
    }
    let listing = std::fs::read_dir(path).with_context(|| format!("failed to list `{}`", path.display()))?;
    let mut files = Vec::new();
    for entry in listing {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let known = ["toml", "json", "wasm"].iter().any(|e| path.extension().is_some_and(|x| x == *e));
        // The schema lies beside the chains for editors.
        if known && path.is_file() && !name.starts_with('.') && !name.ends_with(".schema.json") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn chain(workbench: &Workbench, path: &Path) -> Checked {
    let file = path.display().to_string();
    match Source::read(path) {
        Ok(source) => {
            let faults = workbench.compile(&source).err();
            Checked { file, ok: faults.is_none(), faults, error: None }
        }
        Err(error) => Checked {
            file,
            ok: false,
            faults: None,
            error: Some(format!("{:#}", anyhow::Error::from(error))),
        },
    }
}

fn bundle(path: &Path) -> Checked {
    let file = path.display().to_string();
    let checked = read(path.to_owned()).and_then(|read| Ok(bundle::inspect(&read.bytes)?));
    Checked { file, ok: checked.is_ok(), faults: None, error: checked.err().map(|e| format!("{e:#}")) }
}
