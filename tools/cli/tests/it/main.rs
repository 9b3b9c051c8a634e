//! The `catena` command from outside: what it says, what it does, and what a node withstands.
//!
//! The fault tests do `CATENA_ROUNDS` rounds (20 unless told otherwise; `cargo xtask soak` asks for 200). Each has a
//! twin that runs it against a planted bug and expects it to be caught. All need the bundles of
//! `cargo xtask bundles`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may fail where it stands"
)]

mod build;
mod by_hand;
mod faults;
mod feeds;
mod help;
mod import;
mod local;
mod permissions;
mod remote;
mod support;
mod tour;
mod unfit;
