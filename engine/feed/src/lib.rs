//! The friend feed's two ends of a chain: the [`Forwarder`], which accepts posts and follows, and the
//! [`FanOut`], which sends what a chain lets through to the inbox shards.
//!
//! Everything about one author travels in that author's partition of the stream `posts`, in order: posts,
//! follows of the author, retractions. A follow that was acknowledged therefore stands in front of every post
//! accepted after it, and reaches the distributor first (ADR 6).

mod decoded;
mod error;
mod fan_out;
mod forwarder;
mod members;
pub mod metric;
mod new_post;
mod provision;
mod retracted;
mod summary;

pub use error::{Error, Result};
pub use fan_out::FanOut;
pub use forwarder::Forwarder;
pub use new_post::{BODY_BYTES_MAX, DEPTH_MAX, Invalid, NewPost, TEXT_BYTES_MAX, VERB_BYTES_MAX};
pub use provision::provision;
