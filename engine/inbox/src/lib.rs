//! Inbox shards: the graph slice, activities, users' feeds and authors' outboxes.
//!
//! A shard owns a range of users. It reads its own partition of the stream `inbox`, in which follows,
//! unfollows, posts and retractions stand in one order, and keeps in its own store: who its users follow (and
//! the reverse), each post once, and per user and per author an index of post numbers. A post comes once to a
//! shard, however many followers there are; the shard spreads it.
//!
//! **Effects once.** The effects of a batch of messages and the position reached are one store batch, so a
//! redelivered sequence is skipped. Beyond that a post whose id is known is skipped, whatever sequence it
//! comes under. A post with more followers than a store batch should hold is spread over several; each
//! commits the last follower reached, and a restart goes on behind that one.
//!
//! **Durability.** Messages are acknowledged to the bus once their store batch is written. The store may be
//! opened `Relaxed`: a power failure then takes its last batch, effects and position together, and nothing
//! that the bus still has. What the bus has is ahead of the shard then, and acknowledged; the shard reads
//! from its own position, not from the group's, and fetches such messages from the log. That needs
//! the stream's retention to be larger than a batch ([`Options::batch_messages_max`]), which `feed::provision`
//! sees to by a factor of a hundred. Should the log have lost them, the shard refuses to go on
//! ([`Error::Gap`]) instead of leaving a hole.
//!
//! **Turns.** Which shards are in this process says a [`bus::Placement`], and may say otherwise at any time. A shard that is taken
//! up opens its store, takes its partition, applies what stood in it, and then answers; one that is let go of
//! finishes its store batch, refuses reads, gives the partition back and closes its store. So no two answer for one shard, and none shows
//! less than another one has shown (ADR 13). [`Reads`] has the shards of this process ([`Inbox`]) and those of others
//! ([`Remote`], which asks where [`answer`] answers) behind one seam.
//!
//! **Size and speed**, by `examples/inserts.rs` (4,000 users, 50 follows each, 4.9 million entries, LMDB): an
//! index entry is a distance of 1–3 bytes in a block of up to 128 plus its share of a row, together 1.4 bytes;
//! 26 for a user's only entry. 700,000 inserts per second, 50,000 pages of 20 per second, on one core of two that
//! were busy otherwise.
//!
//! **Reads** of this process are synchronous: a snapshot of a memory-mapped store, a walk down one index, one look-up for each post.
//! Numbers whose post is gone are skipped, so a retraction is seen at once.

mod answer;
mod applier;
mod backoff;
mod block;
mod change;
mod cursor;
mod draft;
mod error;
mod followers;
mod home;
mod inbox;
mod index;
pub mod metric;
mod options;
mod page;
mod position;
mod read;
mod reads;
mod remote;
mod shard;
mod stores;
mod supervisor;
mod tables;
mod turn;
mod users;
mod wire;

pub use answer::{Answers, answer};
pub use cursor::Cursor;
pub use error::{Error, Result};
pub use home::Phase;
pub use inbox::{Inbox, Position};
pub use options::Options;
pub use page::{Covered, Item, Page};
pub use reads::Reads;
pub use remote::Remote;
pub use stores::Stores;
pub use tables::TABLES;
