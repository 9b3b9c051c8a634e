//! Chains and bundles that change while messages flow.

pub(crate) mod many;
pub(crate) mod reload;
