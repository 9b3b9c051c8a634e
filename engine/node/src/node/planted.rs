//! Bugs that a test asked for, in builds that have debug assertions; never one in a release build.

use crate::Config;

/// What the bus is to do wrong.
#[cfg(debug_assertions)]
pub(super) fn of_bus(config: &Config) -> Option<bus::Fault> {
    config.planted.ack_before_durable.then_some(bus::Fault::AcknowledgeBeforeDurable)
}

/// What the center is to do wrong.
#[cfg(debug_assertions)]
pub(super) fn of_center(config: &Config) -> Option<mpc::Fault> {
    config.planted.no_generation_pin.then_some(mpc::Fault::NoGenerationPin)
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
pub(super) fn of_center(_: &Config) -> Option<mpc::Fault> {
    None
}

#[cfg(not(debug_assertions))]
pub(super) fn confess(_: &Config) {}
