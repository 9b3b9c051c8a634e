//! The interfaces this host has, in which version, and what a step must grant for them.

use model::{Refusal, Wanted};
use semver::Version;

use crate::Info;

const PACKAGE: &str = "catena:processor";

/// The version of `catena:processor` this host implements.
pub(crate) const VERSION: Version = Version::new(1, 0, 0);

/// Every interface of the package, and the grant it needs, if any.
const INTERFACES: [(&str, Grant); 8] = [
    ("types", Grant::None),
    ("batch", Grant::None),
    ("log", Grant::None),
    ("settings", Grant::None),
    ("clock", Grant::None),
    ("random", Grant::None),
    ("state", Grant::State),
    ("outputs", Grant::Output),
];

/// Those that belong to a world and are no capabilities.
const SHAPES: [&str; 2] = ["types", "batch"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Grant {
    None,
    State,
    Output,
}

/// The full name under which the linker offers `interface`.
pub(crate) fn full_name(interface: &str) -> String {
    format!("{PACKAGE}/{interface}@{VERSION}")
}

/// Whether the import belongs to WASI, of which every call traps.
pub(crate) fn is_wasi(import: &str) -> bool {
    import.starts_with("wasi:")
}

/// Checks every import of `info` against what the host has and `wanted` grants.
pub(crate) fn check(info: &Info, wanted: &Wanted) -> Vec<Refusal> {
    let bundle = info.bundle().to_string();
    info.imports.iter().filter_map(|import| check_one(&bundle, import, wanted)).collect()
}

fn check_one(bundle: &str, import: &str, wanted: &Wanted) -> Option<Refusal> {
    match grant_of(bundle, import) {
        Err(unknown) => Some(unknown),
        Ok(grant) => missing(grant, wanted).map(|grant| Refusal::NotGranted {
            bundle: bundle.to_owned(),
            import: import.to_owned(),
            grant: grant.to_owned(),
        }),
    }
}

/// The grant that `import` needs, unless this host does not have the interface at all.
fn grant_of(bundle: &str, import: &str) -> Result<Grant, Refusal> {
    if is_wasi(import) {
        return Ok(Grant::None);
    }
    host_has(import).map_err(|available| Refusal::UnknownInterface {
        bundle: bundle.to_owned(),
        import: import.to_owned(),
        available,
    })
}

impl Info {
    /// What it imports that this host does not have, in any step of any chain. Empty when the bundle can run here.
    #[must_use]
    pub fn unmet(&self) -> Vec<Refusal> {
        let bundle = self.bundle().to_string();
        self.imports.iter().filter_map(|import| grant_of(&bundle, import).err()).collect()
    }
}

/// The grant `import` needs, or what the host offers instead of it.
///
/// A component asks for at least the version it was built with, of the same major number; wasmtime
/// alone would link a newer minor version silently.
fn host_has(import: &str) -> Result<Grant, String> {
    let none = || {
        let names: Vec<&str> =
            INTERFACES.iter().map(|(name, _)| *name).filter(|name| !SHAPES.contains(name)).collect();
        format!("{} of {PACKAGE}@{VERSION}", names.join(", "))
    };
    let (path, version) = import.split_once('@').ok_or_else(none)?;
    let name = path.strip_prefix(PACKAGE).and_then(|rest| rest.strip_prefix('/')).ok_or_else(none)?;
    let (_, grant) = INTERFACES.iter().find(|(known, _)| *known == name).ok_or_else(none)?;
    let asked = Version::parse(version).map_err(|_| VERSION.to_string())?;
    if asked.major == VERSION.major && asked <= VERSION { Ok(*grant) } else { Err(VERSION.to_string()) }
}

/// What to write into `grants`, unless it is there.
fn missing(grant: Grant, wanted: &Wanted) -> Option<&'static str> {
    match grant {
        Grant::None => None,
        Grant::State => (!wanted.grants.iter().any(|given| given == "state")).then_some("state"),
        Grant::Output => wanted.outputs.is_empty().then_some("output:<name>"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_minor_versions_are_served_newer_ones_named() {
        assert!(host_has("catena:processor/log@1.0.0").is_ok());
        assert_eq!(host_has("catena:processor/state@1.1.0").err().as_deref(), Some("1.0.0"));
        assert_eq!(host_has("catena:processor/state@2.0.0").err().as_deref(), Some("1.0.0"));
        let offered = "log, settings, clock, random, state, outputs of catena:processor@1.0.0";
        for unknown in ["catena:processor/http@1.0.0", "acme:weather/now@0.1.0", "frobnicate"] {
            assert_eq!(host_has(unknown).err().as_deref(), Some(offered), "{unknown}");
        }
    }
}
