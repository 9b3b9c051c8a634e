//! The words of the social graph: users, posts, edges, and which shard owns whom.
