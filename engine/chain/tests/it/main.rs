//! The chain crate from outside, with processors that are Rust closures.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here is a test")]

// Under the name the rest of the workspace knows it by.
extern crate catena_chain as chain;

mod agreement;
mod cases;
mod examples;
mod executor;
mod garbage;
mod inline;
mod rendering;
mod stages;
mod support;
