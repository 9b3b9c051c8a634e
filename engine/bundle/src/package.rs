//! Makes bundles: a core module as the compiler left it becomes a component that says what it is.

use model::Name;
use semver::Version;
use wasm_metadata::{AddMetadata, AddMetadataField};
use wit_component::ComponentEncoder;

use crate::Error;

/// What a bundle says of itself, in the standard metadata sections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
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
    /// The URL of its source.
    pub source: Option<String>,
    /// The revision of the source it was built from.
    pub revision: Option<String>,
}

/// Makes a component of `core_module`, which was compiled against `wit/`, and labels it.
///
/// The same input gives the same bytes. The result was inspected: what is built here, a host of this
/// release loads.
///
/// # Errors
/// [`Error::Package`] when the module carries no interface description or does not implement it, when
/// a licence or URL is malformed; and every error of [`inspect`](crate::inspect).
pub fn component(core_module: &[u8], metadata: &Metadata) -> Result<Vec<u8>, Error> {
    let encoded = encode(core_module)?;
    let labelled = labels(metadata)?.to_wasm(&encoded).map_err(failed)?;
    crate::inspect(&labelled)?;
    Ok(labelled)
}

fn encode(core_module: &[u8]) -> Result<Vec<u8>, Error> {
    ComponentEncoder::default().module(core_module).and_then(|e| e.validate(true).encode()).map_err(|error| {
        let reason = format!("{error:#}");
        if reason.contains("wasi_snapshot_preview1") {
            let hint = "build it for wasm32-unknown-unknown: processors have no WASI";
            return Error::Package { reason: format!("the module imports wasi_snapshot_preview1; {hint}") };
        }
        Error::Package { reason }
    })
}

fn labels(metadata: &Metadata) -> Result<AddMetadata, Error> {
    let mut labels = AddMetadata::default();
    labels.name = AddMetadataField::Set(metadata.name.to_string());
    labels.version = AddMetadataField::Set(wasm_metadata::Version::new(metadata.version.to_string()));
    labels.description = field(metadata.description.as_deref())?;
    labels.authors = field(metadata.authors.as_deref())?;
    labels.licenses = field(metadata.licence.as_deref())?;
    labels.source = field(metadata.source.as_deref())?;
    labels.revision = field(metadata.revision.as_deref())?;
    labels.processed_by = vec![("catena".to_owned(), env!("CARGO_PKG_VERSION").to_owned())];
    Ok(labels)
}

fn field<T>(text: Option<&str>) -> Result<AddMetadataField<T>, Error>
where
    T: std::str::FromStr<Err: Into<Box<dyn std::error::Error + Send + Sync>>> + std::fmt::Debug + Clone,
{
    let Some(text) = text else { return Ok(AddMetadataField::Keep) };
    match text.parse() {
        Ok(value) => Ok(AddMetadataField::Set(value)),
        Err(error) => Err(Error::Package { reason: format!("`{text}`: {}", error.into()) }),
    }
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Package { reason: format!("{error:#}") }
}
