use serde::{Deserialize, de::DeserializeOwned};

use crate::{Failure, Host, Message, Outcome, locate};

/// One rule. [`export!`](crate::export!) makes it the component's processor.
pub trait Processor: Sized + 'static {
    /// The step's settings. They arrive as a JSON object, `{}` where the chain gives none: derive
    /// `Deserialize` with `#[serde(default, deny_unknown_fields)]`, so that every setting has a default and a
    /// misspelt one is refused. [`NoSettings`] for none.
    type Settings: DeserializeOwned;

    /// Builds the processor, once per instance and before any message.
    ///
    /// # Errors
    /// A sentence for the operator that names the setting; the chain that gave it is refused.
    fn new(settings: Self::Settings) -> Result<Self, String>;

    /// What `process` reads of bodies, as JSON pointers (RFC 6901): `vec!["/text", "/user/name"]`. Only these are handed over
    /// then, and a processor that looks at two fields neither copies nor parses the rest. Asking for another field is a
    /// mistake that every message shows. The empty pointer is the whole body, an empty list nothing of it. A body that is no
    /// JSON object, or in which it would take long to find what is read, is handed over whole, unless nothing is read. Asked once, behind [`new`](Self::new).
    fn reads(&self) -> Vec<&str> {
        vec![""]
    }

    /// Works on one message.
    ///
    /// What it keeps in itself may be gone at the next message and was perhaps left there by one of another key: instances come
    /// and go, and there may be several. Where nothing may pass from one message to the next, the step says `fresh_instance = true`; what
    /// has to last is state ([`Host::set_state`]).
    ///
    /// # Errors
    /// [`Failure`]: try again later, or never.
    fn process(&mut self, message: &Message, host: &mut Host) -> Result<Outcome, Failure>;
}

/// The settings of a processor that has none; any setting is refused.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoSettings {}

/// What `configure` does: settings as JSON text to a processor, or a sentence that names the setting.
pub(crate) fn build<P: Processor>(settings: &str) -> Result<P, String> {
    let settings = serde_json::from_str(settings)
        .map_err(|error| locate::sentence(settings.as_bytes(), &error, locate::Style::Settings))?;
    P::new(settings)
}
