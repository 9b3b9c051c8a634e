//! Which message of a batch the host is to take capabilities for.
//!
//! It is told when a processor first asks for something, so that one that asks for nothing pays nothing.

use std::cell::Cell;

use super::bindings::catena::processor::batch::at;

thread_local! {
    /// The item that the host has yet to be told of.
    static OWED: Cell<Option<u32>> = const { Cell::new(None) };
}

/// From here on it is about this item.
pub(super) fn begin(item: u32) {
    OWED.set(Some(item));
}

/// Tells the host, if it does not know.
pub(super) fn take() {
    if let Some(item) = OWED.take() {
        at(item);
    }
}
