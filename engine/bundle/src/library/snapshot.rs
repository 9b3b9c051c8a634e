use std::{collections::BTreeMap, sync::Arc};

use model::{Catalog, Name, Refusal, Resolved, Wanted};

use super::folder::{Bundle, Folder};
use crate::{Info, Runtime, interface, pool::Pool};

/// The bundles of a folder at one moment. Never changes; what it compiled is shared with later ones.
pub struct Snapshot {
    runtime: Arc<Runtime>,
    /// Newest version first.
    bundles: BTreeMap<Name, Vec<Arc<Bundle>>>,
}

impl Snapshot {
    pub(super) fn new(runtime: Arc<Runtime>, folder: &Folder) -> Self {
        let mut bundles: BTreeMap<Name, Vec<Arc<Bundle>>> = BTreeMap::new();
        for bundle in folder.bundles.values() {
            let versions = bundles.entry(bundle.info.name.clone()).or_default();
            // The same bytes under two paths are one bundle.
            if !versions.iter().any(|other| other.info.digest == bundle.info.digest) {
                versions.push(Arc::clone(bundle));
            }
        }
        for versions in bundles.values_mut() {
            versions.sort_by(|a, b| b.info.version.cmp(&a.info.version));
        }
        Self { runtime, bundles }
    }

    /// What it holds, by name and newest first.
    #[must_use]
    pub fn list(&self) -> Vec<Info> {
        self.bundles.values().flatten().map(|bundle| bundle.info.clone()).collect()
    }

    fn find(&self, wanted: &Wanted) -> Result<&Arc<Bundle>, Refusal> {
        let name = wanted.name.as_str();
        let Some(versions) = self.bundles.get(name) else {
            return Err(Refusal::UnknownBundle { name: name.to_owned(), near: self.near(name) });
        };
        let fits = |bundle: &&Arc<Bundle>| {
            wanted.range.matches(&bundle.info.version)
                && wanted.digest.is_none_or(|digest| digest == bundle.info.digest)
        };
        versions.iter().find(fits).ok_or_else(|| Refusal::NoMatchingVersion {
            name: name.to_owned(),
            range: match wanted.digest {
                Some(digest) => format!("{} with {digest}", wanted.range),
                None => wanted.range.to_string(),
            },
            found: versions.iter().map(|bundle| bundle.info.version.to_string()).collect(),
        })
    }

    /// A name few typing mistakes away.
    fn near(&self, name: &str) -> Option<String> {
        model::near(name, self.bundles.keys().map(Name::as_str)).map(str::to_owned)
    }

    fn limits(&self, info: &Info, wanted: &Wanted) -> Option<Refusal> {
        let bytes_max = self.runtime.memory_bytes_max;
        (wanted.limits.memory_bytes_max > bytes_max).then(|| Refusal::Broken {
            name: info.bundle().to_string(),
            reason: format!(
                "its step allows {} MiB of memory, this host {} MiB at most: lower `limits.memory_mb`",
                wanted.limits.memory_bytes_max >> 20,
                bytes_max >> 20
            ),
        })
    }
}

impl Catalog for Snapshot {
    fn resolve(&self, wanted: &Wanted) -> Result<Resolved, Vec<Refusal>> {
        let bundle = self.find(wanted).map_err(|refusal| vec![refusal])?;
        let mut refusals = interface::check(&bundle.info, wanted);
        refusals.extend(self.limits(&bundle.info, wanted));
        if !refusals.is_empty() {
            return Err(refusals);
        }
        let broken = |reason| vec![Refusal::Broken { name: bundle.info.bundle().to_string(), reason }];
        let prepared = bundle.prepare(&self.runtime).map_err(broken)?;
        let pool =
            Pool::warm(&self.runtime, &prepared, &bundle.info, wanted).map_err(|refusal| vec![refusal])?;
        Ok(Resolved { bundle: bundle.info.bundle(), processor: Arc::new(pool) })
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("bundles", &self.list()).finish_non_exhaustive()
    }
}
