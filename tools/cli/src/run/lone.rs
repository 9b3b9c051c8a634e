//! One bundle by itself: granted all it asks for, since on a desk there is nothing to protect, and free to jump
//! wherever it likes, since where it would send the message is the answer.

use std::sync::Arc;

use anyhow::{Context, bail};
use bundle::File;
use model::{BundleRef, Call, Fault, Limits, Message, Name, Outcome, Processor, Wanted};
use serde_json::{Map, Value};

use crate::{
    exit::{Result, Usage},
    workbench::Workbench,
};

/// Outputs that a lone bundle may emit to, whatever the chain it is meant for calls them: those of the samples.
const OUTPUTS: &[&str] = &["audit", "quarantine"];

pub(super) struct Lone {
    pub(super) name: Name,
    pub(super) bundle: BundleRef,
    processor: Arc<dyn Processor>,
}

impl Lone {
    /// Loads a bundle and hands it its settings.
    ///
    /// # Errors
    /// The bundle cannot be used, or refuses the settings.
    pub(super) fn load(file: File, settings: Option<&str>) -> Result<Self> {
        let shown = file.path.display().to_string();
        let info = bundle::inspect(&file.bytes).with_context(|| format!("`{shown}` is not a bundle"))?;
        let settings: Map<String, Value> = serde_json::from_str(settings.unwrap_or("{}"))
            .map_err(|error| Usage(format!("--settings is no JSON object: {error}")))?;
        let outputs: Vec<String> = OUTPUTS.iter().map(ToString::to_string).collect();
        let wanted = Wanted {
            step: info.name.clone(),
            name: info.name.clone(),
            range: semver::VersionReq::STAR,
            digest: Some(info.digest),
            settings: settings.into(),
            grants: vec!["state".to_owned(), "outputs".to_owned()],
            outputs,
            limits: Limits::default(),
            fresh_instance: false,
        };
        match Workbench::with(vec![file])?.resolve(&wanted) {
            Ok(resolved) => {
                Ok(Self { name: info.name, bundle: resolved.bundle, processor: resolved.processor })
            }
            Err(refusals) => {
                let reasons: Vec<_> = refusals.iter().map(ToString::to_string).collect();
                bail!("`{shown}` cannot run: {}", reasons.join("; "))
            }
        }
    }

    /// One message. On an error nothing it wrote or emitted is left in `call`.
    pub(super) fn process(&self, message: &Message, call: &mut Call) -> Result<Outcome, Fault> {
        let mark = call.state.mark();
        self.processor.process(message, call).inspect_err(|_| {
            call.state.rewind(mark);
            call.emissions.clear();
        })
    }
}
