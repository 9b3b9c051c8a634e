//! Where a chain finds processors: the seam between compiling a chain and loading bundles.

use std::{sync::Arc, time::Duration};

use thiserror::Error;

use crate::{BundleRef, Digest, Name, Processor};

/// The bounds one step puts on its processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Wall-clock time of one call.
    pub deadline: Duration,
    /// Linear memory of one instance, all its memories together.
    pub memory_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { deadline: Duration::from_millis(100), memory_bytes_max: 16 << 20 }
    }
}

/// What a step asks the catalog for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The step's id, for logs and metrics.
    pub step: Name,
    /// Bundle name.
    pub name: Name,
    /// The newest version in this range is taken.
    pub range: semver::VersionReq,
    /// Exactly these bytes, where the chain pins them.
    pub digest: Option<Digest>,
    /// The step's settings, handed to the processor as JSON.
    pub settings: serde_json::Value,
    /// Capabilities granted: `state`, `outputs`, … Interfaces that give nothing away (`log`,
    /// `settings`, `clock`, `random`) need no grant.
    pub grants: Vec<String>,
    /// Outputs the step may emit to.
    pub outputs: Vec<String>,
    /// Bounds of each call.
    pub limits: Limits,
    /// Each message gets a new instance of the processor, which no other one has seen.
    pub fresh_instance: bool,
}

/// A processor, loaded, checked and warm.
#[derive(Clone)]
pub struct Resolved {
    /// Exactly which bundle it is.
    pub bundle: BundleRef,
    /// Ready to call.
    pub processor: Arc<dyn Processor>,
}

impl std::fmt::Debug for Resolved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resolved").field("bundle", &self.bundle).finish_non_exhaustive()
    }
}

/// Why a step cannot have what it asked for. Each says what to do.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// No bundle of that name.
    #[error("no bundle is called `{name}`")]
    UnknownBundle {
        /// The name asked for.
        name: String,
        /// A name that is close, if there is one.
        near: Option<String>,
    },
    /// The bundle exists, not in that range or digest.
    #[error("no version of `{name}` matches `{range}`; there is {}", if found.is_empty() { "none".to_owned() } else { found.join(", ") })]
    NoMatchingVersion {
        /// The bundle.
        name: String,
        /// The range or digest asked for.
        range: String,
        /// The versions there are.
        found: Vec<String>,
    },
    /// The bundle imports a capability the step does not grant.
    #[error("`{bundle}` imports `{import}`, which this step does not grant")]
    NotGranted {
        /// `name@version`.
        bundle: String,
        /// The interface, as the component names it.
        import: String,
        /// What to write into `grants`.
        grant: String,
    },
    /// The bundle imports an interface this host does not have.
    #[error("`{bundle}` needs {import}, this host has {available}")]
    UnknownInterface {
        /// `name@version`.
        bundle: String,
        /// The interface and version the component names.
        import: String,
        /// What the host offers instead.
        available: String,
    },
    /// The processor did not take the settings.
    #[error("`{bundle}` refused its settings: {reason}")]
    SettingsRefused {
        /// `name@version`.
        bundle: String,
        /// The processor's words.
        reason: String,
    },
    /// The host has no instance left for it: not the bundle's fault, and it may pass.
    #[error(
        "`{bundle}` cannot start now: every instance that this host may have ({instances_max}) is in use"
    )]
    Exhausted {
        /// `name@version`.
        bundle: String,
        /// The host's bound, `runtime.instances_max` of its configuration.
        instances_max: u32,
    },
    /// The file is there but cannot be used.
    #[error("bundle `{name}` cannot be used: {reason}")]
    Broken {
        /// File or bundle name.
        name: String,
        /// What is wrong with it, and what to do.
        reason: String,
    },
}

/// Where processors come from: a folder of bundles, or a table in a test.
pub trait Catalog: Send + Sync {
    /// Finds, checks, loads and warms the processor for one step.
    ///
    /// May take as long as compiling a bundle takes; never called on a hot path.
    ///
    /// # Errors
    /// All reasons at once, never only the first.
    fn resolve(&self, wanted: &Wanted) -> Result<Resolved, Vec<Refusal>>;
}
