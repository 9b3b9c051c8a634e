use std::path::PathBuf;

use anyhow::Context;
use bundle::Info;
use clap::Args;

use crate::{
    exit::Result,
    output::{Output, size},
    workbench::read,
};

/// Shows what a bundle says of itself: name, version, authors, licence, digest, imports.
#[derive(Args)]
pub(crate) struct Inspect {
    /// Bundles (.wasm).
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

impl Inspect {
    pub(crate) fn execute(self, output: Output) -> Result<()> {
        for path in self.files {
            let shown = path.display().to_string();
            let file = read(path)?;
            let info = bundle::inspect(&file.bytes).with_context(|| format!("`{shown}` is not a bundle"))?;
            output.print(&info, text)?;
        }
        Ok(())
    }
}

/// One field a line; fields a bundle does not have are left out.
pub(crate) fn text(info: &Info) -> String {
    let list = |items: &[String]| match items {
        [] => "nothing".to_owned(),
        items => items.join(", "),
    };
    let fields = [
        ("name", Some(info.name.to_string())),
        ("version", Some(info.version.to_string())),
        ("description", info.description.clone()),
        ("authors", info.authors.clone()),
        ("licence", info.licence.clone()),
        ("source", info.source.clone()),
        ("revision", info.revision.clone()),
        ("digest", Some(info.digest.to_string())),
        ("size", Some(size(info.size_bytes as u64))),
        ("world", Some(info.world.to_string())),
        ("imports", Some(list(&info.imports))),
        ("exports", Some(list(&info.exports))),
    ];
    fields.iter().filter_map(|(name, value)| Some(format!("{name:<12} {}\n", value.as_ref()?))).collect()
}
