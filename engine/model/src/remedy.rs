//! What to do about errors of the file system.

use std::{
    error::Error,
    io::{self, ErrorKind},
    sync::Arc,
};

/// What to do about the first error of the operating system among `error` and its causes, where that is known: a half-sentence
/// that begins with `; `, to stand behind `failed to use …`. Otherwise nothing.
#[must_use]
pub fn remedy(error: &(dyn Error + 'static)) -> &'static str {
    let mut cause = Some(error);
    let mut of_system = None;
    while let (Some(error), None) = (cause, of_system) {
        // A cause that is shared hides its type behind that of the pointer.
        let shared = error.downcast_ref::<Arc<dyn Error + Send + Sync>>();
        let error = shared.map_or(error, |shared| &**shared);
        of_system = error.downcast_ref::<io::Error>();
        cause = error.source();
    }
    match of_system.map(io::Error::kind) {
        Some(ErrorKind::PermissionDenied) => "; let the user that runs this read and write there",
        Some(ErrorKind::ReadOnlyFilesystem) => "; mount its file system so that it can be written",
        Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => "; free space on its disk",
        Some(ErrorKind::NotADirectory | ErrorKind::AlreadyExists) => {
            "; a file is where a folder has to be: move it away"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("failed")]
    struct Outer(#[source] Arc<dyn Error + Send + Sync>);

    #[test]
    fn the_error_is_found_among_the_causes_and_others_have_no_remedy() {
        let full = io::Error::from(ErrorKind::StorageFull);
        assert_eq!(remedy(&full), "; free space on its disk");
        assert_eq!(remedy(&Outer(Arc::new(full))), "; free space on its disk");
        assert_eq!(remedy(&io::Error::from(ErrorKind::UnexpectedEof)), "");
        assert_eq!(remedy(&std::fmt::Error), "");
    }
}
