use std::{
    fs::{OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use crate::Error;

/// What a client of the management plane has to know. Kept as a hash: nothing here can print it.
#[derive(Clone, Copy, Debug)]
pub struct Token {
    hash: blake3::Hash,
}

impl Token {
    /// A token needs this many characters.
    pub const CHARACTERS_MIN: usize = 32;

    /// The token in the file at `path`; a new one, readable by its owner only, when there is no such file.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Weak`], [`Error::Random`].
    pub fn load_or_create(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::File { path: path.to_owned(), source };
        match std::fs::read_to_string(path) {
            Ok(text) => {
                // Somebody may have put it there with other permissions.
                std::fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(failed)?;
                let token = text.trim();
                let weak = token.len() < Self::CHARACTERS_MIN;
                if weak { Err(Error::Weak { path: path.to_owned() }) } else { Ok(Self::new(token)) }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut bytes = [0; 32];
                getrandom::fill(&mut bytes).map_err(|error| Error::Random { reason: error.to_string() })?;
                let token = hex::encode(bytes);
                write(path, &token).map_err(failed)?;
                Ok(Self::new(&token))
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// This token.
    #[must_use]
    pub fn new(token: &str) -> Self {
        Self { hash: blake3::hash(token.as_bytes()) }
    }

    /// Whether `given` is the token; takes as long for a near miss as for a far one, since hashes are compared,
    /// in constant time.
    #[must_use]
    pub fn is(&self, given: &str) -> bool {
        self.hash == blake3::hash(given.as_bytes())
    }
}

/// Puts the token in place whole: after a crash there is all of it or no file.
fn write(path: &Path, token: &str) -> io::Result<()> {
    let unfinished = path.with_extension("token-new");
    match std::fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    writeln!(file, "{token}")?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_made_once_kept_private_and_has_to_be_long() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.token");
        let made = Token::load_or_create(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.trim().len(), 64);
        assert!(made.is(text.trim()) && !made.is("") && !made.is(&text));
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert!(Token::load_or_create(&path).unwrap().is(text.trim()));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, "secret\n").unwrap();
        assert!(matches!(Token::load_or_create(&path), Err(Error::Weak { .. })));
    }
}
