//! Write a Catena processor in Rust.
//!
//! A processor looks at one message at a time and says where it goes. It is one `impl` and one macro line:
//!
//! ```
//! use catena_sdk::{Failure, Host, Message, Outcome, Processor};
//! use serde::Deserialize;
//!
//! /// Ends messages whose text is longer than the chain allows.
//! struct Brevity {
//!     text_max: usize,
//! }
//!
//! #[derive(Deserialize)]
//! #[serde(default, deny_unknown_fields)]
//! struct Settings {
//!     text_max: usize,
//! }
//!
//! impl Default for Settings {
//!     fn default() -> Self {
//!         Self { text_max: 280 }
//!     }
//! }
//!
//! impl Processor for Brevity {
//!     type Settings = Settings;
//!
//!     fn new(settings: Settings) -> Result<Self, String> {
//!         if settings.text_max == 0 {
//!             return Err("`text_max` must be at least 1".to_owned());
//!         }
//!         Ok(Self { text_max: settings.text_max })
//!     }
//!
//!     fn reads(&self) -> Vec<&str> {
//!         vec!["/text"]
//!     }
//!
//!     fn process(&mut self, message: &Message, host: &mut Host) -> Result<Outcome, Failure> {
//!         let post = message.object()?;
//!         let length = post.text("text")?.map_or(0, |text| text.chars().count());
//!         if length > self.text_max {
//!             host.debug(&format!("{length} characters"));
//!             return Ok(Outcome::term("too long"));
//!         }
//!         Ok(Outcome::next().with_header("length", length.to_string()))
//!     }
//! }
//!
//! catena_sdk::export!(Brevity);
//!
//! // The same code runs natively in tests:
//! use catena_sdk::testing::{Harness, Sample, json};
//!
//! let mut brevity = Harness::<Brevity>::new(json!({ "text_max": 5 })).unwrap();
//! let seen = brevity.run(&Sample::json(json!({ "text": "こんにちは" }))).unwrap();
//! assert_eq!(seen.message.header("length"), Some("5"));
//! assert_eq!(
//!     Harness::<Brevity>::new(json!({ "text_max": "5" })).err().unwrap(),
//!     "setting `text_max`: invalid type: string \"5\", expected usize",
//! );
//! ```
//!
//! Build it for `wasm32-unknown-unknown` with `crate-type = ["cdylib", "rlib"]`; `catena build` does that and
//! wraps the module as a component. A component imports only the capabilities whose [`Host`] methods the
//! processor calls, so a chain grants no more than is used.
//!
//! A processor keeps no state in itself that matters: the engine runs many instances, replaces them at will and
//! repeats messages. What must last goes into [`Host::set_state`]; fields of the processor are for what can
//! be made again (parsed settings, buffers, caches). For the same reason there is no clock and no random
//! source but the host's, which answer the same when a message is repeated.
//!
//! A processor that looks at a few fields says so with [`Processor::reads`]: then only these are copied into it, found once
//! by the host for all steps. What it changes on an [`Object`] goes back as edits, and the body is written anew once, by the
//! host, behind the last step.
//!
//! How messages cross between host and guest is the SDK's business: a [`Message`] only lends its parts, so
//! that the same code can be called with one message or with a batch.

mod failure;
mod host;
mod locate;
mod message;
mod object;
mod outcome;
mod pointer;
mod processor;

#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod component;
#[cfg(not(target_family = "wasm"))]
pub mod testing;

pub use failure::Failure;
pub use host::{Emission, Host, Level};
pub use message::Message;
pub use object::Object;
pub use outcome::{Outcome, Verdict};
pub use processor::{NoSettings, Processor};

/// Makes a [`Processor`] the component's processor: `catena_sdk::export!(MyProcessor);`.
///
/// On wasm it writes the exports of the world `batch-processor`. Elsewhere it only checks the type, so that the crate
/// builds and is tested like any other.
#[macro_export]
macro_rules! export {
    ($processor:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            ::std::thread_local! {
                static PROCESSOR: $crate::component::Slot<$processor> = const { $crate::component::Slot::empty() };
            }
            struct Component;
            impl $crate::component::bindings::Guest for Component {
                fn process_batch(
                    messages: $crate::component::bindings::Messages,
                ) -> $crate::component::bindings::Answers {
                    PROCESSOR.with(|slot| slot.process_batch(&messages))
                }
                fn configure() -> ::std::result::Result<(), ::std::string::String> {
                    PROCESSOR.with(|slot| slot.configure())
                }
                fn reads() -> ::std::vec::Vec<::std::string::String> {
                    PROCESSOR.with(|slot| slot.reads())
                }
            }
            $crate::component::bindings::__export_component!(
                Component with_types_in $crate::component::bindings
            );
        };
        #[cfg(not(target_family = "wasm"))]
        const _: () = $crate::__is_processor::<$processor>();
    };
}

#[doc(hidden)]
#[cfg(not(target_family = "wasm"))]
pub const fn __is_processor<P: Processor>() {}
