//! The words of the social graph, shared by those who accept posts and those who keep inboxes: users,
//! posts, who follows whom, which shard owns whom, and how all of it travels as a `model::Message`.
//!
//! An author's posts, the follows of that author and the retractions of those posts travel under one key
//! ([`UserId`] of the author in decimal), so that the bus keeps them in order (ADR 6). Nothing here does
//! I/O; what changes while a process runs is the shard map, behind its [`LiveMap`].

mod accepted;
mod event;
mod history;
mod post;
mod shard_map;
mod user;

pub use accepted::Accepted;
pub use event::{
    Activity, Control, Edge, Event, FOLLOW, Malformed, RESERVED, RETRACT, UNFOLLOW, is_reserved,
};
pub use history::{History, InvalidHistory};
pub use post::{InvalidPostId, PostId};
pub use shard_map::{InvalidShardMap, LiveMap, Range, ShardMap};
pub use user::{InvalidUserId, UserId};

/// The streams that graph words travel in.
pub mod stream {
    /// Posts and [`Control`](crate::Control) messages as they were accepted, partitioned by author.
    pub const POSTS: &str = "posts";
    /// [`Event`](crate::Event)s on their way to feeds: partition `n` is what shard `n` reads.
    pub const INBOX: &str = "inbox";
}
