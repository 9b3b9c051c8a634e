//! What a file is, read without compiling it: enough to refuse it with a sentence, or to list it.

mod features;
mod metadata;
mod signature;
mod world;

#[cfg(test)]
mod tests;

use model::{BundleRef, Digest, Name};
use semver::Version;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use wasmparser::{
    ComponentTypeRef, Parser, Payload, Validator, component_types::ComponentEntityType, types::TypesRef,
};

use crate::Error;

pub(crate) use features::FEATURES;
pub use world::World;

/// Bytes of a bundle at most. Larger ones take seconds to compile and are rarely meant.
pub const FILE_BYTES_MAX: usize = 16 << 20;

/// Bytes of code of one function at most: the time to compile one grows faster than its size.
const FUNCTION_BYTES_MAX: u64 = 1 << 20;

/// What a bundle says of itself and what it needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Info {
    /// Its name, by which chains ask for it.
    pub name: Name,
    /// Its version.
    pub version: Version,
    /// One sentence on what it does.
    pub description: Option<String>,
    /// Who wrote it, as free text.
    pub authors: Option<String>,
    /// An SPDX licence expression.
    pub licence: Option<String>,
    /// Where its source is.
    pub source: Option<String>,
    /// The revision of the source it was built from.
    pub revision: Option<String>,
    /// Digest of the file's bytes.
    pub digest: Digest,
    /// Bytes of the file.
    pub size_bytes: usize,
    /// The world it was made for, as far as its exports tell.
    pub world: World,
    /// The interfaces it imports, with versions.
    pub imports: Vec<String>,
    /// What it exports.
    pub exports: Vec<String>,
}

impl Info {
    /// The exact bundle this is.
    #[must_use]
    pub fn bundle(&self) -> BundleRef {
        BundleRef { name: self.name.clone(), version: self.version.clone(), digest: self.digest }
    }
}

/// Reads `bytes` as a bundle. Validates, does not compile.
///
/// # Errors
/// Says why the file cannot be used and what to do: too large, not wasm, a core module, cut short,
/// invalid, another world, or without a usable name and version.
pub fn inspect(bytes: &[u8]) -> Result<Info, Error> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(Error::TooLarge { bytes: bytes.len(), bytes_max: FILE_BYTES_MAX });
    }
    encoding(bytes)?;
    let types = Validator::new_with_features(FEATURES).validate_all(bytes).map_err(|e| invalid(&e))?;
    let surface = Surface::read(bytes)?;
    let world = surface.world(types.as_ref())?;
    let said = metadata::read(bytes)?;
    Ok(Info {
        name: said.name,
        version: said.version,
        description: said.description,
        authors: said.authors,
        licence: said.licence,
        source: said.source,
        revision: said.revision,
        digest: digest(bytes),
        size_bytes: bytes.len(),
        world,
        imports: surface.imports,
        exports: surface.exports,
    })
}

/// The digest that identifies a bundle.
pub(crate) fn digest(bytes: &[u8]) -> Digest {
    Digest(Sha256::digest(bytes).into())
}

/// Tells components from everything else by the first eight bytes.
fn encoding(bytes: &[u8]) -> Result<(), Error> {
    const MAGIC: &[u8] = b"\0asm";
    let start = bytes.get(..bytes.len().min(4)).unwrap_or_default();
    if start.is_empty() || !MAGIC.starts_with(start) {
        return Err(Error::NotWasm);
    }
    match bytes.get(4..8) {
        Some([0x0d, 0, 1, 0]) => Ok(()),
        Some([1, 0, 0, 0]) => Err(Error::CoreModule),
        Some(other) => {
            let version = other.try_into().map_or(0, u32::from_le_bytes);
            Err(Error::UnknownEncoding { version })
        }
        None => Err(Error::CutShort { at: bytes.len() as u64 }),
    }
}

fn invalid(error: &wasmparser::Error) -> Error {
    // The parser has no other mark for it.
    if error.message().starts_with("unexpected end") {
        return Error::CutShort { at: error.offset() };
    }
    Error::Invalid { reason: error.message().to_owned(), at: error.offset() }
}

/// The names a component imports and exports at its top level.
#[derive(Default)]
struct Surface {
    imports: Vec<String>,
    exports: Vec<String>,
}

impl Surface {
    fn read(bytes: &[u8]) -> Result<Self, Error> {
        let mut surface = Self::default();
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.map_err(|e| invalid(&e))? {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section {
                        let import = import.map_err(|e| invalid(&e))?;
                        // A type asks nothing of the host.
                        if !matches!(import.ty, ComponentTypeRef::Type(_)) {
                            surface.imports.push(import.name.full_name().into_owned());
                        }
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section {
                        surface.exports.push(export.map_err(|e| invalid(&e))?.name.full_name().into_owned());
                    }
                }
                Payload::CodeSectionEntry(body) => {
                    let bytes = body.range().end - body.range().start;
                    if bytes > FUNCTION_BYTES_MAX {
                        return Err(Error::FunctionTooLarge { bytes, bytes_max: FUNCTION_BYTES_MAX });
                    }
                }
                _ => {}
            }
        }
        Ok(surface)
    }

    /// The world the exports make it, or what they are instead of a processor's.
    fn world(&self, types: TypesRef<'_>) -> Result<World, Error> {
        let is = |name: &str, expected: &str| match types.component_item_for_export(name).map(|item| item.ty)
        {
            Some(ComponentEntityType::Func(id)) => {
                signature::of(types, id).is_some_and(|signature| signature == expected)
            }
            _ => false,
        };
        let configurable = is("configure", signature::CONFIGURE);
        let batch = is("process-batch", signature::PROCESS_BATCH) && is("reads", signature::READS);
        let world = if configurable && batch {
            World::Batch
        } else if !is("process", signature::PROCESS) {
            return Err(Error::NotAProcessor { exports: self.exports_for_people(types) });
        } else if configurable {
            World::Configurable
        } else {
            World::Plain
        };
        Ok(world)
    }

    fn exports_for_people(&self, types: TypesRef<'_>) -> String {
        let show = |name: &String| match types.component_item_for_export(name).map(|item| item.ty) {
            Some(ComponentEntityType::Func(id)) => match signature::of(types, id) {
                Some(signature) => format!("`{name}: {signature}`"),
                None => format!("`{name}`"),
            },
            _ => format!("`{name}`"),
        };
        if self.exports.is_empty() {
            return "nothing".to_owned();
        }
        self.exports.iter().take(5).map(show).collect::<Vec<_>>().join(", ")
    }
}
