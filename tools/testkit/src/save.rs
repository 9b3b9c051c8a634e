//! The ways editors and deploy tools put a new content into a file. Each leaves `path` with exactly `bytes`;
//! what a reader may see meanwhile differs.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

/// One way to save.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Opens with truncation and writes: most programs. A reader may find it empty.
    Truncate,
    /// Writes a neighbour and renames it over: careful programs.
    RenameOver,
    /// As `cp` over a slow link: one handle, piece by piece.
    CopySlowly,
    /// Appends, closing after each piece: uploads in parts.
    AppendPieces,
    /// A Kubernetes ConfigMap: the file is a link through `..data`, which is swapped.
    ConfigMap,
    /// `git checkout` of another commit.
    GitCheckout,
    /// Written elsewhere, hard-linked in, renamed over: package managers.
    HardLink,
    /// The old one is renamed to a backup, the new one written, the backup removed: vim.
    Backup,
}

impl Style {
    /// All eight.
    pub const ALL: [Self; 8] = [
        Self::Truncate,
        Self::RenameOver,
        Self::CopySlowly,
        Self::AppendPieces,
        Self::ConfigMap,
        Self::GitCheckout,
        Self::HardLink,
        Self::Backup,
    ];
}

/// Pieces of the slow styles, and the time between two.
const PIECES: usize = 12;
const PAUSE: Duration = Duration::from_millis(25);

/// Saves `bytes` as `path` in the given style. Blocks for up to a third of a second.
///
/// # Errors
/// What the file system said, or Git where it is the one to write.
pub fn save(style: Style, path: &Path, bytes: &[u8]) -> io::Result<()> {
    match style {
        Style::Truncate => fs::write(path, bytes),
        Style::RenameOver => {
            let new = beside(path, ".tmp-", "");
            fs::write(&new, bytes)?;
            fs::rename(new, path)
        }
        Style::CopySlowly => {
            let mut file = fs::File::create(path)?;
            for piece in pieces(bytes) {
                file.write_all(piece)?;
                thread::sleep(PAUSE);
            }
            Ok(())
        }
        Style::AppendPieces => {
            fs::write(path, b"")?;
            for piece in pieces(bytes) {
                fs::OpenOptions::new().append(true).open(path)?.write_all(piece)?;
                thread::sleep(PAUSE);
            }
            Ok(())
        }
        Style::ConfigMap => config_map(path, bytes),
        Style::GitCheckout => git_checkout(path, bytes),
        Style::HardLink => {
            let elsewhere =
                tempfile::tempdir_in(path.parent().and_then(Path::parent).unwrap_or(Path::new(".")))?;
            let written = elsewhere.path().join("new");
            fs::write(&written, bytes)?;
            let linked = beside(path, ".link-", "");
            fs::hard_link(written, &linked)?;
            fs::rename(linked, path)
        }
        Style::Backup => {
            let backup = beside(path, "", "~");
            if path.exists() {
                fs::rename(path, &backup)?;
            }
            fs::write(path, bytes)?;
            if backup.exists() { fs::remove_file(backup) } else { Ok(()) }
        }
    }
}

fn pieces(bytes: &[u8]) -> std::slice::Chunks<'_, u8> {
    bytes.chunks(bytes.len().div_ceil(PIECES).max(1))
}

fn beside(path: &Path, before: &str, after: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{before}{name}{after}"))
}

/// What a kubelet does: a fresh folder, a new link to it beside the old one, one rename.
#[cfg(unix)]
fn config_map(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::symlink;
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default();
    let data = folder.join("..data");
    let version =
        (1..).map(|n| format!("..version-{n}")).find(|v| !folder.join(v).exists()).unwrap_or_default();
    fs::create_dir(folder.join(&version))?;
    if let Ok(old) = fs::read_dir(&data) {
        for file in old {
            let file = file?.path();
            fs::copy(&file, folder.join(&version).join(file.file_name().unwrap_or_default()))?;
        }
    }
    fs::write(folder.join(&version).join(name), bytes)?;
    let old = fs::read_link(&data).ok();
    symlink(&version, folder.join("..data_tmp"))?;
    fs::rename(folder.join("..data_tmp"), &data)?;
    if !path.is_symlink() {
        symlink(Path::new("..data").join(name), beside(path, ".link-", ""))?;
        fs::rename(beside(path, ".link-", ""), path)?;
    }
    old.map_or(Ok(()), |old| fs::remove_dir_all(folder.join(old)))
}

/// Commits the new content in a clone and checks that commit out in place.
fn git_checkout(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let git = |at: &Path, arguments: &[&str]| {
        let identity =
            ["-c", "user.name=testkit", "-c", "user.email=testkit@localhost", "-c", "commit.gpgsign=false"];
        let output = Command::new("git").arg("-C").arg(at).args(identity).args(arguments).output()?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(io::Error::other(format!("git {}: {said}", arguments.join(" "))))
    };
    if !folder.join(".git").exists() {
        git(folder, &["init", "--quiet"])?;
    }
    // Everything as it stands is the commit we leave; forced, since tests change files behind Git's back.
    git(folder, &["add", "--all", "--force"])?;
    git(folder, &["commit", "--quiet", "--allow-empty", "--message", "before"])?;
    let clone = tempfile::tempdir()?;
    let from = folder.canonicalize()?;
    git(clone.path(), &["clone", "--quiet", &from.to_string_lossy(), "."])?;
    let name = path.file_name().unwrap_or_default();
    fs::write(clone.path().join(name), bytes)?;
    git(clone.path(), &["add", "--all", "--force"])?;
    git(clone.path(), &["commit", "--quiet", "--allow-empty", "--message", "after"])?;
    git(folder, &["fetch", "--quiet", &clone.path().to_string_lossy(), "HEAD"])?;
    git(folder, &["checkout", "--quiet", "--detach", "FETCH_HEAD"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_style_leaves_the_new_content_and_can_be_repeated() {
        for style in Style::ALL {
            let outer = tempfile::tempdir().unwrap();
            let folder = outer.path().join("chains");
            fs::create_dir(&folder).unwrap();
            let path = folder.join("feed.toml");
            fs::write(&path, "old").unwrap();
            for new in ["first content", "second, longer content"] {
                save(style, &path, new.as_bytes()).unwrap_or_else(|e| panic!("{style:?}: {e}"));
                assert_eq!(fs::read_to_string(&path).unwrap(), new, "{style:?}");
            }
        }
    }
}
