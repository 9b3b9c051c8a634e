//! Links, mentions, hashtags and scripts in posts of any language: what the sample processors share.

mod entity;
#[cfg(feature = "samples")]
pub mod samples;
pub mod script;

pub use entity::{Entities, Entity, Kind, entities, without_entities};
