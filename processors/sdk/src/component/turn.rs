//! Which message of a batch the host is to take capabilities for.
//!
//! It is told when a processor first asks for something, so that one that asks for nothing pays nothing.

use std::cell::Cell;

use super::bindings::catena::processor::batch::at;

thread_local! {
    /// The message that the host has yet to be told of.
    static OWED: Cell<Option<u32>> = const { Cell::new(None) };
}

/// From here on it is about this message.
pub(super) fn begin(message: u32) {
    OWED.set(Some(message));
}

/// Tells the host, if it does not know.
pub(super) fn take() {
    if let Some(message) = OWED.take() {
        at(message);
    }
}
