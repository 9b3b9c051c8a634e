//! The HTTP server core the data plane and the management plane share.
//!
//! An own accept loop over hyper, because `axum::serve` has no timeouts: a connection that sends nothing,
//! sends slowly, reads slowly or idles is closed after a bound, and when every place is taken the one that
//! has waited longest makes room for the next (`watch`). On top of it, what both planes say alike: errors
//! as RFC 9457 problems, strict query strings, bounded bodies.
//!
//! HTTP/1.1 only; TLS is left to whatever stands in front.

mod body;
mod connection;
mod error;
mod io;
mod lines;
mod metric;
mod options;
mod problem;
mod query;
mod ready;
mod router;
mod server;
mod watch;

pub use body::{BODY_BYTES_MAX, collect, content_type_is};
pub use error::Error;
pub use lines::{Ahead, Line, Lines};
pub use options::Options;
pub use problem::Problem;
pub use query::Query;
pub use ready::Ready;
pub use router::close;
pub use server::{Server, Serving};
