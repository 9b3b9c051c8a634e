use std::path::PathBuf;

use thiserror::Error;

use crate::ConfigError;

/// Why a node does not run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// What it was told cannot be.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Another node works on the data folder.
    #[error(
        "the data folder `{}` is in use{}; stop that node, or give this one another folder with `--data`",
        path.display(),
        holder.map(|id| format!(" by process {id}")).unwrap_or_default()
    )]
    InUse {
        /// The folder.
        path: PathBuf,
        /// The process that holds it, where it said so.
        holder: Option<u32>,
    },
    /// The data folder was deleted or replaced under a running node.
    #[error(
        "the data folder `{}` is no longer the one this node works on, so nothing more is accepted; bring it back from \
         a backup if need be, and restart the node",
        path.display()
    )]
    Gone {
        /// Where it was.
        path: PathBuf,
    },
    /// The data folder, or a file in it, cannot be used.
    #[error("failed to use `{}`{}", path.display(), advice(source))]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file with something secret cannot be read.
    #[error("failed to read `{}`, which `{key}` names", path.display())]
    Secret {
        /// The key that names it.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The deployment has another shard map than this node is told.
    #[error(
        "the shard map of the deployment is not the one of `inbox.shards`: {difference}; take `inbox.shards` out of this node's configuration, or put it right"
    )]
    OtherMap {
        /// What is different.
        difference: String,
    },
    /// What the deployment keeps as its shard map is none.
    #[error(
        "the deployment's shard map, revision {revision}, cannot be used: {problem}; put the last good one back, which every running \
         node has in its log: `nats kv put {bucket} shards '…'`"
    )]
    Map {
        /// Which edition of the key.
        revision: u64,
        /// What is wrong with it.
        problem: String,
        /// The bucket it lies in.
        bucket: String,
    },
    /// The shard map cannot be extended as was asked for.
    #[error("failed to extend the shard map: {problem}")]
    NotExtended {
        /// What speaks against it.
        problem: String,
    },
    /// Logs or metrics could not be set up.
    #[error("failed to set up telemetry")]
    Telemetry(#[from] telemetry::Error),
    /// An address cannot be listened on.
    #[error(
        "failed to serve at `{key}`; name a free address of this machine with `{option}`, or as `{key}` in the configuration"
    )]
    Listen {
        /// The key of the configuration that names it.
        key: &'static str,
        /// The command line's option for it.
        option: &'static str,
        /// The address, and what the system said.
        #[source]
        source: serve::Error,
    },
    /// A store below the data folder cannot be opened.
    #[error("failed to open a store{}", advice(.0))]
    Store(#[from] store::Error),
    /// The bus cannot be opened.
    #[error("failed to open the bus")]
    Bus(#[from] bus::Error),
    /// The streams of the feed cannot be made.
    #[error("failed to prepare the feed's streams")]
    Feed(#[from] feed::Error),
    /// What runs bundles cannot be set up.
    #[error("failed to set up the runtime of bundles{}", advice(.0))]
    Bundles(#[from] bundle::Error),
    /// The center does not start.
    #[error("failed to start the message processor center")]
    Center(#[from] mpc::Error),
    /// A shard does not open.
    #[error("failed to open the inbox shards")]
    Inbox(#[from] inbox::Error),
    /// The management plane has no token.
    #[error("failed to set up the management plane{}", advice(.0))]
    Admin(#[from] admin::Error),
    /// A part of starting panicked.
    #[error("starting panicked: {reason}")]
    Panicked {
        /// What is known.
        reason: String,
    },
}

/// What to do about an error of the file system below the data folder, where that is known.
fn advice(error: &(dyn std::error::Error + 'static)) -> String {
    match model::remedy(error) {
        "" => String::new(),
        known => format!("{known}, or name another folder with `--data`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_folder_that_cannot_be_used_is_told_with_what_to_do() {
        for (kind, advice) in [
            (std::io::ErrorKind::PermissionDenied, "let the user that runs this read and write there"),
            (std::io::ErrorKind::StorageFull, "free space on its disk"),
            (std::io::ErrorKind::AlreadyExists, "a file is where a folder has to be: move it away"),
        ] {
            let expected = format!("failed to use `data`; {advice}, or name another folder with `--data`");
            assert_eq!(Error::Folder { path: "data".into(), source: kind.into() }.to_string(), expected);
        }
    }

    #[test]
    fn a_full_disk_is_found_below_a_store_that_does_not_open() {
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let store = store::Error::Open { path: "data/bus".into(), source: std::sync::Arc::new(full) };
        let said = Error::from(store).to_string();
        assert_eq!(
            said,
            "failed to open a store; free space on its disk, or name another folder with `--data`"
        );
    }
}
