//! The allocator of the binaries, and how long memory that was freed stays with them.
//!
//! What nodes do with memory is many small things that one thread makes and another frees: mimalloc took a tenth off their processor
//! time. Left to itself it gives memory back to the system ten milliseconds after it was freed, and takes it again with
//! the next batch: one message of a hundred then waited for a hundred microseconds and more, at half of the load that a chain can take.

use std::ffi::c_long;

use libmimalloc_sys::{mi_option_set, mi_option_t};
pub use mimalloc::MiMalloc;

/// `mi_option_purge_delay` of mimalloc 2, milliseconds: `libmimalloc-sys` has no name for it.
const PURGE_DELAY: mi_option_t = 15;
/// What was not used for so long is not needed soon.
const KEPT_MS: c_long = 10_000;

/// Lets memory that was freed stay for ten seconds; whole segments of it stay ten times as long. `main` begins with it.
#[expect(unsafe_code, reason = "a foreign function that sets one number, at any time and from any thread")]
pub fn keep_freed_memory() {
    // SAFETY: the option is one of mimalloc's own; the test below holds which.
    unsafe { mi_option_set(PURGE_DELAY, KEPT_MS) }
}

#[cfg(test)]
mod tests {
    use libmimalloc_sys::mi_option_get;

    use super::*;

    #[test]
    #[expect(unsafe_code, reason = "a foreign function that reads one number")]
    fn the_option_is_the_one_that_has_ten_milliseconds_by_default() {
        // SAFETY: it only reads.
        let get = || unsafe { mi_option_get(PURGE_DELAY) };
        assert_eq!(get(), 10);
        keep_freed_memory();
        assert_eq!(get(), KEPT_MS);
    }
}
