//! The allocator that nodes have, and how often each thread asks it for memory: one addition to a number of the thread's own,
//! which no other table notices.

use std::{
    alloc::{GlobalAlloc, Layout},
    cell::Cell,
};

use allocator::MiMalloc;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// Allocations, and growths of what was allocated, that `work` makes on this thread.
pub(crate) fn of(work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<u64> {
    let before = COUNT.get();
    work()?;
    Ok(COUNT.get() - before)
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count() {
    // A thread that ends may still free and allocate when its numbers are gone.
    let _ = COUNT.try_with(|count| count.set(count.get() + 1));
}

#[expect(unsafe_code, reason = "an allocator cannot be written without; all of it is mimalloc's")]
// SAFETY: every call is handed on as it came; what is added neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's.
        unsafe { MiMalloc.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's.
        unsafe { MiMalloc.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's.
        unsafe { MiMalloc.realloc(at, layout, bytes) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's.
        unsafe { MiMalloc.dealloc(at, layout) }
    }
}
