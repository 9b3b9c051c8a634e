//! What a server must be. Each refusal says what to change.

use async_nats::{
    Client,
    connection::State,
    jetstream::{
        Context,
        account::{Account, Limits},
    },
};

use super::{Denied, unfit};
use crate::{
    Options, Result,
    api::{self, Trouble},
    patience::patiently,
    stream::MESSAGE_BYTES_MAX,
};

/// Atomic batches came with 2.12.
const VERSION_MIN: (u64, u64) = (2, 12);
const REPLICAS_IN_CLUSTER: usize = 3;
/// Bytes in files below which an account is full before anything of note was published.
const STORAGE_MIN: i64 = 64 << 20;

const NOT_ENABLED: u64 = 10076;
const NOT_ENABLED_FOR_ACCOUNT: u64 = 10039;

pub(super) struct Checked {
    pub(super) version: String,
    pub(super) replicas: usize,
}

pub(super) async fn check(
    client: &Client,
    asking: (&Context, &Denied),
    options: &Options,
) -> Result<Checked> {
    let info = client.server_info();
    if version(&info.version).is_none_or(|found| found < VERSION_MIN) {
        let (major, minor) = VERSION_MIN;
        return Err(unfit(format!(
            "the NATS server `{}` is version {}; Catena needs {major}.{minor} or later: upgrade it",
            info.server_name, info.version
        )));
    }
    if info.max_payload < MESSAGE_BYTES_MAX {
        return Err(unfit(format!(
            "the NATS server takes messages of up to {} bytes; set `max_payload: 2MB` (at least {MESSAGE_BYTES_MAX}) in its configuration",
            info.max_payload
        )));
    }
    let ask = |at_most| api::call::<Account>(asking, at_most, "INFO", &api::Nothing {});
    let account = if info.cluster.is_some() {
        let there = || client.connection_state() == State::Connected;
        patiently(options.placing, "JetStream", there, ask).await
    } else {
        ask(options.timeout).await
    };
    let account = account.map_err(|trouble| match trouble {
        Trouble::Refused { code: NOT_ENABLED | NOT_ENABLED_FOR_ACCOUNT, .. } => {
            unfit("JetStream is not enabled for this account: set `jetstream` in the server's, and the account's, configuration")
        }
        Trouble::Refused { what, .. } => unfit(format!("JetStream refused to describe the account: {what}")),
        Trouble::Away(reason) | Trouble::Unheard(reason) => unfit(format!(
            "JetStream does not answer ({reason}): set `jetstream` in the server's configuration, and allow this user to publish to `$JS.API.>`"
        )),
    })?;
    let limits = account.tiers.values().map(|tier| &tier.limits).chain([&account.limits]);
    limits.into_iter().try_for_each(|limits| check_limits(limits, options))?;
    let replicas = options.replicas.unwrap_or(if info.cluster.is_some() { REPLICAS_IN_CLUSTER } else { 1 });
    if info.cluster.is_none() && replicas > 1 {
        return Err(unfit(format!(
            "{replicas} copies are asked for, and the NATS server `{}` is alone: ask for 1, or make it a cluster",
            info.server_name
        )));
    }
    Ok(Checked { version: info.version, replicas })
}

fn check_limits(limits: &Limits, options: &Options) -> Result<()> {
    if limits.max_storage == Some(0) {
        return Err(unfit(
            "this account may keep no files: give it file storage (`jetstream { max_file: … }`, or the account's limits)",
        ));
    }
    if let Some(bytes) = limits.max_storage.filter(|bytes| *bytes < STORAGE_MIN) {
        return Err(unfit(format!(
            "this account may keep {bytes} bytes in files, which is full at once: raise it to what is to be kept, {STORAGE_MIN} at \
             the very least (`jetstream {{ max_file: … }}`)"
        )));
    }
    if limits.max_bytes_required && options.partition_bytes_max.is_none() {
        return Err(unfit(
            "this account demands a size for every stream: set the most bytes of a partition (`partition_bytes_max`)",
        ));
    }
    if limits.max_streams == Some(0) || limits.max_consumers == Some(0) {
        return Err(unfit("this account may have no streams or no consumers: raise its limits"));
    }
    Ok(())
}

fn version(text: &str) -> Option<(u64, u64)> {
    let mut numbers = text.split(['.', '-']).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        assert!(version("2.9.25").is_some_and(|found| found < VERSION_MIN));
        assert!(version("2.12.0-RC.1").is_some_and(|found| found >= VERSION_MIN));
        assert!(version("2.15.2").is_some_and(|found| found >= VERSION_MIN));
        assert_eq!(version("latest"), None);
    }
}
