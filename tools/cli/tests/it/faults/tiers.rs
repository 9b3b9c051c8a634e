//! The tiers as seven processes over real servers: processes are killed or stand still, servers go and come, wires are
//! cut, posts are sent again and again, some of them poisonous. The count from outside has to come out all the same.
//!
//! Each row does the rounds of [`rounds`](crate::support::rounds), or fewer where a round takes long, which is said there.

mod cluster;
mod commits;
mod duplicates;
mod kills;
mod metrics;
mod names;
mod pauses;
mod poison;
mod sink;
mod wires;
mod world;
