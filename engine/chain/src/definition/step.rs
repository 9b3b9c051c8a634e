use model::{Digest, Name};
use schemars::JsonSchema;
use semver::VersionReq;

use super::{
    HOPS_MAX, Within,
    shape::{DigestText, GrantText, NameText, UsesText},
};
use crate::{Span, Spanned};

/// Milliseconds that one call may take at most.
pub const DEADLINE_MS_MAX: u64 = 60_000;
/// MiB that one instance may have at most: what the pool reserves for each.
pub const MEMORY_MB_MAX: u64 = 64;

/// One place in the chain.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Step {
    /// The step's name, unique in the chain.
    #[schemars(with = "NameText")]
    pub id: Spanned<Name>,
    /// The processor: a bundle's name, `@`, and a range of versions, of which the newest is taken.
    #[schemars(with = "UsesText")]
    pub uses: Spanned<Uses>,
    /// Takes exactly these bytes and no other build of the same version.
    #[schemars(with = "Option<DigestText>")]
    pub digest: Option<Spanned<Digest>>,
    /// Handed to the processor, which refuses what it does not understand.
    pub settings: Option<Spanned<serde_json::Map<String, serde_json::Value>>>,
    /// Bounds of one call.
    #[schemars(with = "Option<Limits>")]
    pub limits: Limits,
    /// The steps it may jump to.
    #[schemars(with = "Option<Vec<NameText>>")]
    pub jumps: Vec<Spanned<Name>>,
    /// Capabilities it is granted: `state`, `output:<name>`.
    #[schemars(with = "Option<Vec<GrantText>>")]
    pub grants: Spanned<Vec<Spanned<Grant>>>,
    /// The message may go on without this step when it fails and `on_failure` is `skip`.
    #[schemars(with = "Option<bool>")]
    pub advisory: bool,
    /// Each message gets a new instance of the processor, which ends with it: nothing that a message leaves in memory is there for the
    /// next one. Costs a start for each message, and takes messages one by one. Without it an instance serves thousands.
    #[schemars(with = "Option<bool>")]
    pub fresh_instance: bool,
    /// How often one message may visit this step: what bounds a circle of jumps.
    pub visits_max: Option<Spanned<Within<1, HOPS_MAX>>>,
    /// `next` of the step above passes this one over; only a jump leads here. Its own `next` leads to
    /// the step below where that is only reached by jumps too, else to the chain's output.
    #[schemars(with = "Option<bool>")]
    pub only_by_jump: bool,
    /// Its table in the text.
    #[schemars(skip)]
    pub span: Span,
    /// Whether all of it could be read.
    #[schemars(skip)]
    pub(crate) sound: bool,
}

impl Step {
    /// The outputs it may emit to.
    pub fn granted_outputs(&self) -> impl Iterator<Item = &Name> {
        self.grants.iter().filter_map(|grant| match &grant.value {
            Grant::Output(name) => Some(name),
            Grant::State => None,
        })
    }
}

/// A bundle and a range of its versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uses {
    /// The bundle's name.
    pub name: Name,
    /// The versions that will do.
    pub range: VersionReq,
}

/// A capability that a step grants to its processor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Keyed state.
    State,
    /// Emitting to the output of this name.
    Output(Name),
}

/// Bounds of one call.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Limits {
    /// Milliseconds one call may take. Default 100.
    pub deadline_ms: Option<Spanned<Within<1, DEADLINE_MS_MAX>>>,
    /// MiB of memory one instance may have. Default 16.
    pub memory_mb: Option<Spanned<Within<1, MEMORY_MB_MAX>>>,
}

impl From<&Limits> for model::Limits {
    fn from(limits: &Limits) -> Self {
        let default = Self::default();
        let deadline_ms = limits.deadline_ms.as_ref().map(|ms| u64::from(ms.get()));
        let memory_mb = limits.memory_mb.as_ref().map(|mb| mb.get() as usize);
        Self {
            deadline: deadline_ms.map_or(default.deadline, std::time::Duration::from_millis),
            memory_bytes_max: memory_mb.map_or(default.memory_bytes_max, |mb| mb << 20),
        }
    }
}
