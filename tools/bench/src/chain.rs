//! Chains on one core, without a bus: what a step costs, how long a message waits, and whether more of anything costs
//! more.

pub(crate) mod allocations;
mod bare;
pub(crate) mod filters;
mod floor;
pub(crate) mod instances;
pub(crate) mod instructions;
pub(crate) mod latency;
pub(crate) mod many;
pub(crate) mod pass;
pub(crate) mod plans;

/// Steps of a chain, where their number is not what is measured.
pub(crate) const STEPS: usize = 5;
/// Messages of one batch, likewise.
pub(crate) const BATCH: usize = 64;
