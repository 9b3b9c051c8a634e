use std::path::Path;

use bytes::Bytes;

/// Whether what a closed file holds may be a part of what it is to hold.
///
/// `known` is what it held before, `doubted` what it held at an earlier look and was doubted already.
pub(super) fn looks_partial(
    path: &Path,
    bytes: &Bytes,
    known: Option<&Bytes>,
    doubted: Option<&Bytes>,
) -> bool {
    if bytes.is_empty() {
        return true;
    }
    let grown = |before: &&Bytes| !before.is_empty() && bytes.starts_with(before);
    // Still growing, or grown since it was empty or short a moment ago.
    if doubted.is_some_and(|before| bytes.starts_with(before)) || known.as_ref().is_some_and(grown) {
        return true;
    }
    match known {
        // Whole files of one name are of like size; a fair part of one is a good deal shorter, or its beginning.
        Some(known) => known.starts_with(bytes) || bytes.len() < known.len() / 4 * 3,
        // A binary that is cut short is refused when it is opened; a text cut at a line is still a text.
        None => path.extension().is_some_and(|extension| extension == "toml"),
    }
}
