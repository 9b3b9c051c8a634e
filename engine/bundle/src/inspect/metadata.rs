//! Reads the standard metadata sections of a component.

use model::Name;
use semver::Version;
use wasm_metadata::Payload;

use crate::{Error, Metadata};

/// What the outermost component says of itself.
pub(super) fn read(bytes: &[u8]) -> Result<Metadata, Error> {
    let payload = Payload::from_binary(bytes).map_err(|e| Error::Metadata { reason: format!("{e:#}") })?;
    let said = payload.metadata();
    let name = said.name.as_deref().ok_or(Error::Unlabelled { field: "name" })?;
    let version = said.version.as_ref().ok_or(Error::Unlabelled { field: "version" })?.to_string();
    Ok(Metadata {
        name: Name::new(name).map_err(|source| Error::BadName { source })?,
        version: Version::parse(&version).map_err(|_| Error::BadVersion { given: version })?,
        description: text(said.description.as_ref()),
        authors: text(said.authors.as_ref()),
        licence: text(said.licenses.as_ref()),
        source: text(said.source.as_ref()),
        revision: text(said.revision.as_ref()),
    })
}

fn text(field: Option<&impl ToString>) -> Option<String> {
    field.map(ToString::to_string).filter(|text| !text.is_empty())
}
