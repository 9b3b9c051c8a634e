//! Composes a running node.

pub mod config;

pub use config::Config;
