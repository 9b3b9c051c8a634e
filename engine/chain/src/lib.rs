//! Chains: a file that orders processors becomes an immutable [`Plan`], and a plan runs messages.
//!
//! [`Source`] → [`parse`] → [`Definition`] → [`Definition::validate`] → [`Validated`] →
//! [`Validated::plan`] → [`Plan`]; [`compile`] does it all and gathers the mistakes of every stage.
//! Nothing here links WebAssembly: processors come through [`model::Catalog`].

mod code;
mod compile;
mod decode;
pub mod definition;
mod error;
mod execute;
mod faults;
mod flow;
mod inline;
mod node;
mod observe;
mod path;
mod plan;
mod resolve;
mod schema;
mod source;
mod span;
mod unread;
mod validate;

pub use code::Code;
pub use compile::{compile, parse};
pub use definition::{Definition, OnFailure};
pub use error::Error;
pub use execute::{BODY_BYTES_MAX, End, Finished, HEADERS_BYTES_MAX, Skipped, Stopped};
pub use faults::{Faults, Look, Mistake};
pub use inline::{Difference, TestReport};
pub use observe::{Observe, Told, Visit};
pub use path::Path;
pub use plan::{Output, Plan, Step};
pub use schema::json_schema;
pub use source::{Format, SOURCE_BYTES_MAX, Source};
pub use span::{Span, Spanned};
pub use validate::Validated;
