//! Write a Catena processor in Rust.
