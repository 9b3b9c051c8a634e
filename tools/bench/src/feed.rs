//! The way of a post through one process: in over HTTP, into inboxes, out as pages.

pub(crate) mod entries;
pub(crate) mod pages;
pub(crate) mod posts;
