//! What a shard's store holds. Numbers in keys and values are big-endian, so that key order is number order.
//!
//! | table | key | value |
//! |---|---|---|
//! | `inbox-meta` | name | see [`crate::position`] |
//! | `inbox-posts` | number | the post, one JSON object |
//! | `inbox-ids` | author, unique | number; 0 where the post was retracted before it came |
//! | `inbox-following` | user, author | where the newest follow was [accepted](relations::Accepted) |
//! | `inbox-followers` | author, user | where the first follow was, since the last unfollow |
//! | `inbox-unfollowed` | author, user | where the newest unfollow was, of users who followed once |
//! | `inbox-feeds` | user, first number | a [block](crate::block) |
//! | `inbox-outboxes` | author, first number | a [block](crate::block) |
//!
//! Where something was accepted is left empty if nobody said: an earlier release did not, and it is not said of what did not come from `posts`.
//!
//! The *number* of a post is the sequence under which it arrived in the shard's partition.

use relations::PostId;
use store::Table;

pub(crate) const META: Table = "inbox-meta";
pub(crate) const POSTS: Table = "inbox-posts";
pub(crate) const IDS: Table = "inbox-ids";
pub(crate) const FOLLOWING: Table = "inbox-following";
pub(crate) const FOLLOWERS: Table = "inbox-followers";
pub(crate) const UNFOLLOWED: Table = "inbox-unfollowed";
pub(crate) const FEEDS: Table = "inbox-feeds";
pub(crate) const OUTBOXES: Table = "inbox-outboxes";

/// The tables each shard's store is opened with.
pub const TABLES: &[Table] = &[META, POSTS, IDS, FOLLOWING, FOLLOWERS, UNFOLLOWED, FEEDS, OUTBOXES];

/// Two numbers as a key.
pub(crate) fn pair(left: u64, right: u64) -> [u8; 16] {
    let mut key = [0; 16];
    let (head, tail) = key.split_at_mut(8);
    head.copy_from_slice(&left.to_be_bytes());
    tail.copy_from_slice(&right.to_be_bytes());
    key
}

/// The second number of a [`pair`].
pub(crate) fn right(key: &[u8]) -> Option<u64> {
    key.get(8..).and_then(number)
}

/// The first key after every [`pair`] with this left number; empty, which means no end, after the last.
pub(crate) fn end_of(left: u64) -> Vec<u8> {
    left.checked_add(1).map(|next| pair(next, 0).to_vec()).unwrap_or_default()
}

/// A number as it is stored.
pub(crate) fn number(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_be_bytes)
}

/// A post's key among the ids.
pub(crate) fn id_key(post: PostId) -> [u8; 16] {
    pair(post.author.0, post.unique)
}
