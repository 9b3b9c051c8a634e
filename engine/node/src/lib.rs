//! Composes a running node.
