//! A chain around a single bundle, which grants it all it asks for: on a desk there is nothing to protect.

use std::sync::Arc;

use anyhow::{Context, bail};
use bundle::File;
use chain::{Format, Plan, Source};
use serde_json::{Value, json};

use crate::{
    exit::{Result, Usage},
    output::talk,
    workbench::{Workbench, look_of},
};

/// Outputs that a lone bundle may emit to, whatever the chain it is meant for calls them. A chain file names
/// its own; the samples use these.
const OUTPUTS: &[&str] = &["audit", "quarantine"];

/// A plan of one step.
///
/// # Errors
/// The bundle cannot be used, or refuses the settings.
pub(super) fn plan(file: File, settings: Option<&str>) -> Result<Plan> {
    let shown = file.path.display().to_string();
    let info = bundle::inspect(&file.bytes).with_context(|| format!("`{shown}` is not a bundle"))?;
    let settings: Value = serde_json::from_str(settings.unwrap_or("{}"))
        .map_err(|error| Usage(format!("--settings is not JSON: {error}")))?;
    let imports = |interface: &str| info.imports.iter().any(|i| i.contains(&format!("/{interface}@")));
    let mut grants = Vec::new();
    if imports("state") {
        grants.push("state".to_owned());
    }
    if imports("outputs") {
        grants.extend(OUTPUTS.iter().map(|output| format!("output:{output}")));
    }
    let outputs: serde_json::Map<_, _> =
        OUTPUTS.iter().map(|output| ((*output).to_owned(), json!({ "stream": output }))).collect();
    let definition = json!({
        "chain": { "id": "run", "input": "in", "output": "out" },
        "outputs": outputs,
        "step": [{
            "id": info.name,
            "uses": format!("{}@={}", info.name, info.version),
            "settings": settings,
            "grants": grants,
        }],
    });
    let text = serde_json::to_string_pretty(&definition)?;
    let source =
        Source { name: format!("a chain around {shown}"), format: Format::Json, text: Arc::from(text) };
    match Workbench::with(vec![file])?.compile(&source) {
        Ok(plan) => Ok(plan),
        Err(faults) => {
            talk(faults.render(look_of(console::Term::stderr().features().colors_supported())).trim_end());
            bail!("`{shown}` cannot run by itself")
        }
    }
}
