//! The node's folders, with copies of the project's chains and bundles, and new versions to swap in.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context, Result, bail};
use testkit::{
    bundles,
    process::{NodeProcess, Setup},
};

use crate::arguments::Arguments;

pub(crate) struct Stage {
    folder: tempfile::TempDir,
    catena: PathBuf,
}

impl Stage {
    pub(crate) fn set(arguments: &Arguments) -> Result<Self> {
        let mut folder = tempfile::Builder::new().prefix("catena-demo-").tempdir()?;
        if arguments.keep {
            folder.disable_cleanup(true);
            println!("the node's folders stay in {}", folder.path().display());
        }
        let catena = bundles::target().join("debug/catena");
        if !catena.exists() {
            bail!("there is no `{}`: run `cargo xtask demo`", catena.display());
        }
        let stage = Self { folder, catena };
        std::fs::create_dir(stage.path("chains"))?;
        std::fs::copy(bundles::root().join("chains/feed.toml"), stage.chain())
            .context("failed to copy chains/feed.toml")?;
        bundles::copy(&bundles::samples()?, &stage.path("bundles"))?;
        for (processor, version) in [("enrich", "1.1.0"), ("spam-filter", "1.1.0")] {
            let to = stage.path("releases").join(version);
            bundles::release_as(&stage.catena, &format!("processors/{processor}"), version, &to)?;
        }
        Ok(stage)
    }

    pub(crate) async fn start(&self) -> Result<NodeProcess> {
        let began = Instant::now();
        let node = NodeProcess::start(Setup::under(self.folder.path(), self.catena.clone())).await?;
        println!(
            "a node is ready at http://{} after {:.1} s",
            node.addresses().http,
            began.elapsed().as_secs_f64()
        );
        Ok(node)
    }

    /// Runs the `catena` command, its answer going where ours goes.
    pub(crate) fn catena(&self, arguments: &[&str]) -> Result<()> {
        let status =
            Command::new(&self.catena).args(arguments).status().context("failed to start `catena`")?;
        if !status.success() {
            bail!("catena {} ended with {status}", arguments.join(" "));
        }
        Ok(())
    }

    pub(crate) fn data(&self) -> String {
        self.path("data").display().to_string()
    }

    /// The chain file.
    pub(crate) fn chain(&self) -> PathBuf {
        self.path("chains").join("feed.toml")
    }

    /// A bundle where the node looks for it.
    pub(crate) fn bundle(&self, processor: &str) -> PathBuf {
        self.path("bundles").join(format!("{processor}.wasm"))
    }

    /// The bytes of a bundle in a version.
    pub(crate) fn release(&self, processor: &str, version: &str) -> Result<Vec<u8>> {
        let file = format!("{processor}.wasm");
        let path = match version {
            "1.0.0" => bundles::samples()?.join(file),
            version => self.path("releases").join(version).join(file),
        };
        std::fs::read(&path).with_context(|| format!("failed to read `{}`", path.display()))
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::new(self.folder.path()).join(name)
    }
}
