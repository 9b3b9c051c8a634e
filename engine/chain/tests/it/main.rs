//! The chain crate from outside, with processors that are Rust closures.

mod agreement;
mod cases;
mod examples;
mod executor;
mod garbage;
mod inline;
mod rendering;
mod stages;
mod support;
