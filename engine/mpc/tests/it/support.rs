//! What the tests stand on.

mod bundles;
mod flaky;
mod node;

pub(crate) use bundles::ScriptedBundles;
pub(crate) use flaky::{Diary, FlakyBus, FlakyStore};
pub(crate) use node::{
    Node, Setup, Sink, bundle, chain, damage, digest, forgetful_bus, found, message, new_bus, post, step,
    until,
};
