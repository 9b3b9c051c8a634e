//! Which posts were taken back: a mark in the lane's state for each, which stays.
//!
//! A retraction goes to the shards that are known to have a follower then. A post that comes later (out of a dead letter that
//! is replayed) goes to those that are known by then, and a shard that had no follower before would take it for new.

use mpc::{LaneState, Result};
use relations::PostId;

/// Notes that `post` was taken back, committed with the message at hand.
pub(crate) fn mark(lane: &mut LaneState<'_>, post: PostId) {
    lane.put(&key(post), "");
}

/// Whether it was.
pub(crate) fn is_marked(lane: &LaneState<'_>, post: PostId) -> Result<bool> {
    Ok(lane.get(&key(post))?.is_some())
}

fn key(post: PostId) -> [u8; 25] {
    let mut key = *b"retracted\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let (_, tail) = key.split_at_mut(9);
    let (author, unique) = tail.split_at_mut(8);
    author.copy_from_slice(&post.author.0.to_be_bytes());
    unique.copy_from_slice(&post.unique.to_be_bytes());
    key
}
