//! The center as a whole: real lanes, real folders, the embedded bus in memory; only processors are scripted.

extern crate catena_mpc as mpc;

mod drain;
mod failures;
mod reload;
mod saves;
mod settle;
mod support;
mod swap;
