//! The accounts that `docs/deploy/nats-accounts.sh` prints: what operators are handed, on a real server.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{authorization::Authorization, setup::Setup};
use crate::bundles;

/// Those who sign in, `admin` into the account of the system.
pub const TIERS: [&str; 6] = ["forwarder", "distributor", "inbox", "gateway", "manager", "admin"];

/// A tier's password on such a server: its name with `p-` before it.
#[must_use]
pub fn password(tier: &str) -> String {
    format!("p-{tier}")
}

/// The variables that the accounts take the passwords from.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    TIERS.iter().map(|tier| (format!("NATS_{}_PASSWORD", tier.to_uppercase()), password(tier)))
}

/// What the script prints for so many partitions of `posts` and shards, and these further streams.
///
/// # Errors
/// The script failed; the error says what it said.
pub fn accounts(partitions: u32, shards: u32, outputs: &[&str]) -> Result<String> {
    let script = bundles::root().join("docs/deploy/nats-accounts.sh");
    let ran = Command::new("sh")
        .arg(&script)
        .args([partitions.to_string(), shards.to_string()])
        .args(outputs)
        .output()
        .with_context(|| format!("failed to run `{}`", script.display()))?;
    ensure!(ran.status.success(), "`{}`: {}", script.display(), String::from_utf8_lossy(&ran.stderr));
    Ok(String::from_utf8(ran.stdout)?)
}

/// A server with these accounts.
///
/// # Errors
/// As [`accounts`].
pub fn setup(partitions: u32, shards: u32, outputs: &[&str]) -> Result<Setup> {
    let accounts = accounts(partitions, shards, outputs)?;
    let authorization = Authorization::Included(accounts);
    Ok(Setup { environment: environment().collect(), ..Setup::with_authorization(authorization) })
}
