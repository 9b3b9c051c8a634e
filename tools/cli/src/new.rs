use std::path::{Component, Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use model::Name;

use crate::{
    exit::{Result, Usage},
    output::{data, talk},
};

/// Where the SDK comes from when nothing else is said.
const SDK_GIT: &str = env!("CARGO_PKG_REPOSITORY");

/// Makes a crate for a processor of your own, with a test.
#[derive(Args)]
pub(crate) struct New {
    /// The folder to make; its last part is the processor's name.
    path: PathBuf,
    /// The SDK: a folder, or the URL of a Git repository.
    #[arg(long, value_name = "PATH|URL", default_value = SDK_GIT)]
    sdk: String,
}

impl New {
    pub(crate) fn execute(self) -> Result<()> {
        let given = self.path.file_name().unwrap_or_default().to_string_lossy();
        let name = Name::new(&given).map_err(|error| Usage(format!("{error}")))?;
        if self.path.exists()
            && std::fs::read_dir(&self.path).map_or(true, |mut entries| entries.next().is_some())
        {
            bail!("`{}` is there already and is not empty", self.path.display());
        }
        let sdk = self.sdk()?;
        std::fs::create_dir_all(self.path.join("src"))
            .with_context(|| format!("failed to make `{}`", self.path.display()))?;
        let sdk = sdk.dependency(&self.path)?;
        let values = [("{{name}}", name.as_str()), ("{{type}}", &type_name(&name)), ("{{sdk}}", &sdk)];
        for (file, template) in FILES {
            let text = values.iter().fold((*template).to_owned(), |text, (from, to)| text.replace(from, to));
            let path = self.path.join(file);
            std::fs::write(&path, text).with_context(|| format!("failed to write `{}`", path.display()))?;
        }
        talk(&format!("made `{0}`; next: `cargo test` in it, then `catena build {0}`", self.path.display()));
        data(&self.path.display().to_string())
    }

    /// Finds the SDK, before anything is made.
    fn sdk(&self) -> Result<Sdk> {
        if self.sdk.contains("://") || self.sdk.starts_with("git@") {
            return Ok(Sdk::Git(self.sdk.clone()));
        }
        let folder = Path::new(&self.sdk)
            .canonicalize()
            .with_context(|| format!("there is no SDK in `{}`", self.sdk))?;
        if !folder.join("Cargo.toml").exists() {
            bail!("there is no SDK in `{}`: it has no Cargo.toml", self.sdk);
        }
        Ok(Sdk::Folder(folder))
    }
}

/// Where the SDK comes from.
enum Sdk {
    Git(String),
    /// With all links resolved.
    Folder(PathBuf),
}

impl Sdk {
    /// As a dependency in the manifest of the crate in `path`.
    fn dependency(&self, path: &Path) -> Result<String> {
        Ok(match self {
            Self::Git(url) => format!("{{ git = \"{url}\" }}"),
            Self::Folder(sdk) => {
                let way = relative(&path.canonicalize()?, sdk);
                format!("{{ path = {} }}", serde_json::to_string(&way.to_string_lossy())?)
            }
        })
    }
}

const FILES: &[(&str, &str)] = &[
    ("Cargo.toml", include_str!("new/Cargo.toml.in")),
    ("src/lib.rs", include_str!("new/lib.rs.in")),
    ("README.md", include_str!("new/README.md.in")),
    (".gitignore", "/target\n"),
];

/// `spam-filter` as a type: `SpamFilter`.
fn type_name(name: &Name) -> String {
    let parts = name.split(['-', '_']).filter(|part| !part.is_empty());
    let capital = |part: &str| {
        let mut chars = part.chars();
        chars.next().map(|first| first.to_uppercase().chain(chars).collect::<String>()).unwrap_or_default()
    };
    let joined: String = parts.map(capital).collect();
    // A type cannot begin with a digit.
    if joined.starts_with(|c: char| c.is_ascii_digit()) { format!("P{joined}") } else { joined }
}

/// The way from one folder to another, so that both can be moved together. Both are absolute.
fn relative(from: &Path, to: &Path) -> PathBuf {
    let shared = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(shared).map(|_| Component::ParentDir);
    up.chain(to.components().skip(shared)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_types() {
        for (name, expected) in [("shout", "Shout"), ("spam-filter_2", "SpamFilter2"), ("9lives", "P9lives")]
        {
            assert_eq!(type_name(&Name::new(name).unwrap()), expected);
        }
    }

    #[test]
    fn the_sdk_is_found_from_the_new_crate() {
        let way = relative(Path::new("/a/b/tour/shout"), Path::new("/a/b/processors/sdk"));
        assert_eq!(way, Path::new("../../processors/sdk"));
    }
}
