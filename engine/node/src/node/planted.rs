//! Bugs that a test asked for, in builds that have debug assertions; never one in a release build.

use crate::Config;

/// What the bus is to do wrong.
#[cfg(debug_assertions)]
pub(super) fn of_bus(config: &Config) -> Option<bus::Fault> {
    config.planted.ack_before_durable.then_some(bus::Fault::AcknowledgeBeforeDurable)
}

/// What the bus that several processes share is to do wrong.
#[cfg(debug_assertions)]
pub(crate) fn of_fleet(config: &Config) -> Option<::fleet::Fault> {
    let planted = &config.planted;
    first([
        (planted.ack_before_durable, ::fleet::Fault::AcknowledgeUnconfirmed),
        (planted.no_fence, ::fleet::Fault::TakeOverKeepsConsumer),
        (planted.random_ids, ::fleet::Fault::RetryWithoutIds),
        (planted.trust_pulls, ::fleet::Fault::TrustPulls),
    ])
}

/// What the center is to do wrong.
#[cfg(debug_assertions)]
pub(super) fn of_center(config: &Config) -> Option<mpc::Fault> {
    let planted = &config.planted;
    first([
        (planted.no_generation_pin, mpc::Fault::NoGenerationPin),
        (planted.settle_first, mpc::Fault::AcknowledgeFirst),
        (planted.no_fence, mpc::Fault::CommitUnfenced),
        (planted.no_ids, mpc::Fault::ForgetIds),
        (planted.random_ids, mpc::Fault::RandomIds),
    ])
}

/// A part does one thing wrong at a time.
#[cfg(debug_assertions)]
fn first<F, const N: usize>(faults: [(bool, F); N]) -> Option<F> {
    faults.into_iter().find_map(|(on, fault)| on.then_some(fault))
}

/// Says which bugs are there: whoever finds such a node where it has no business has to hear of it.
#[cfg(debug_assertions)]
pub(super) fn confess(config: &Config) {
    for key in config.planted.on() {
        tracing::error!("this node lies on purpose: `planted.{key}` is on, which is for tests alone");
    }
}

#[cfg(not(debug_assertions))]
pub(super) fn of_bus(_: &Config) -> Option<bus::Fault> {
    None
}

#[cfg(not(debug_assertions))]
pub(crate) fn of_fleet(_: &Config) -> Option<::fleet::Fault> {
    None
}

#[cfg(not(debug_assertions))]
pub(super) fn of_center(_: &Config) -> Option<mpc::Fault> {
    None
}

#[cfg(not(debug_assertions))]
pub(super) fn confess(_: &Config) {}
