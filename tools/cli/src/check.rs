use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use anyhow::Context;
use chain::{Faults, Format, Source};
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
    warnings: Option<Faults>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Checked {
    fn text(&self) -> String {
        match (&self.faults, &self.error, &self.warnings) {
            (Some(faults), _, _) => faults.render(look_of(coloured())),
            (None, Some(error), _) => format!("{}: {error}", self.file),
            (None, None, Some(warnings)) => {
                let found = count(warnings.mistakes().len() + warnings.more(), "warning");
                format!("{}: ok, {found}\n{}", self.file, warnings.render(look_of(coloured())))
            }
            (None, None, None) => format!("{}: ok", self.file),
        }
    }
}

impl Check {
    pub(crate) fn execute(self, output: Output) -> Result<()> {
        let files = self.files.iter().map(expand).collect::<Result<Vec<_>>>()?.concat();
        // The engine is started for chains only.
        let mut workbench = None;
        let inputs = inputs(&files);
        let mut bad = 0;
        for file in &files {
            let checked = if file.extension().is_some_and(|e| e == "wasm") {
                bundle(file)
            } else {
                let workbench = match &mut workbench {
                    Some(workbench) => workbench,
                    none => none.insert(Workbench::open(&self.bundles)?),
                };
                chain(workbench, file, &inputs)
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

/// The streams that the chains of the files' folders read, beside those of every node: a node loads a folder whole.
fn inputs(files: &[PathBuf]) -> Vec<String> {
    let folders: BTreeSet<_> = files.iter().filter_map(|file| file.parent()).collect();
    let beside = folders.into_iter().filter_map(|folder| {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        // A folder that may not be listed has files that may be read.
        expand(&folder.to_owned()).ok()
    });
    let chains = files.iter().cloned().chain(beside.flatten()).filter(|file| Format::of(file).is_some());
    let input = |file: PathBuf| {
        let definition = chain::parse(&Source::read(&file).ok()?).ok()?;
        Some(definition.chain.input.value.to_string())
    };
    node::STREAMS.map(str::to_owned).into_iter().chain(chains.filter_map(input)).collect()
}

fn chain(workbench: &Workbench, path: &Path, read: &[String]) -> Checked {
    let file = path.display().to_string();
    let checked = |ok, faults, warnings, error| Checked { file, ok, faults, warnings, error };
    let source = match Source::read(path) {
        Ok(source) => source,
        Err(error) => return checked(false, None, None, Some(format!("{:#}", anyhow::Error::from(error)))),
    };
    match workbench.compile(&source).and_then(|_| chain::parse(&source)) {
        Ok(definition) => {
            let read: Vec<_> = read.iter().map(String::as_str).collect();
            checked(true, None, definition.unread_outputs(&source, &read), None)
        }
        Err(faults) => checked(false, Some(faults), None, None),
    }
}

fn bundle(path: &Path) -> Checked {
    let file = path.display().to_string();
    let error = match read(path.to_owned()).and_then(|read| Ok(bundle::inspect(&read.bytes)?)) {
        Ok(info) => {
            let unmet: Vec<_> = info.unmet().iter().map(ToString::to_string).collect();
            (!unmet.is_empty()).then(|| unmet.join("; "))
        }
        Err(error) => Some(format!("{error:#}")),
    };
    Checked { file, ok: error.is_none(), faults: None, warnings: None, error }
}
