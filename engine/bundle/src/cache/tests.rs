use std::{fs, os::unix::fs::PermissionsExt as _};

use super::*;
use crate::guest::{Guest, runtime};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// A cache with one entry.
fn filled(data: &Path) -> (Cache, Digest) {
    let runtime = runtime();
    let bytes = Guest::default().build();
    let digest = crate::inspect::digest(&bytes);
    let cache = Cache::open(data, &runtime.engine).unwrap();
    assert!(cache.load(&runtime.engine, &digest).is_none());
    cache.keep(&digest, &Component::from_binary(&runtime.engine, &bytes).unwrap());
    (cache, digest)
}

#[test]
fn code_survives_a_restart_and_is_the_owners_alone() {
    let data = tempfile::tempdir().unwrap();
    let (cache, digest) = filled(data.path());
    assert_eq!(mode(&cache.folder), 0o700);
    assert_eq!(mode(&data.path().join("code.key")), 0o600);
    assert_eq!(mode(&cache.path(&digest)), 0o600);

    let again = Cache::open(data.path(), &runtime().engine).unwrap();
    assert!(again.load(&runtime().engine, &digest).is_some());
}

#[test]
fn a_folder_open_to_others_is_closed() {
    let data = tempfile::tempdir().unwrap();
    fs::create_dir(data.path().join("code")).unwrap();
    fs::set_permissions(data.path().join("code"), fs::Permissions::from_mode(0o777)).unwrap();
    let (cache, _) = filled(data.path());
    assert_eq!(mode(&cache.folder), 0o700);
}

#[test]
fn damaged_entries_are_ignored_and_written_anew() {
    let data = tempfile::tempdir().unwrap();
    let (cache, digest) = filled(data.path());
    let path = cache.path(&digest);
    let whole = fs::read(&path).unwrap();
    let header = MAGIC.len() + 32 + 32 + 32;
    for at in [0, MAGIC.len(), MAGIC.len() + 40, header - 1, header, whole.len() / 2, whole.len() - 1] {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        fs::write(&path, &damaged).unwrap();
        assert!(cache.load(&runtime().engine, &digest).is_none(), "byte {at} was not missed");
    }
    for length in [0, header, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(cache.load(&runtime().engine, &digest).is_none(), "{length} bytes were enough");
    }
    let bytes = Guest::default().build();
    cache.keep(&digest, &Component::from_binary(&runtime().engine, &bytes).unwrap());
    assert!(cache.load(&runtime().engine, &digest).is_some());
}

#[test]
fn entries_sealed_with_another_key_or_of_another_bundle_are_foreign() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (cache, digest) = filled(ours.path());
    let (foreign, _) = filled(theirs.path());
    fs::copy(foreign.path(&digest), cache.path(&digest)).unwrap();
    assert!(cache.load(&runtime().engine, &digest).is_none());

    let other = Digest([7; 32]);
    fs::copy(filled(ours.path().join("x").as_path()).0.path(&digest), cache.path(&other)).unwrap();
    assert!(cache.load(&runtime().engine, &other).is_none());
}

#[test]
fn old_and_unfinished_files_are_swept() {
    let data = tempfile::tempdir().unwrap();
    let (cache, digest) = filled(data.path());
    fs::write(cache.folder.join("1-2.new"), b"half").unwrap();
    files::keep_newest(&cache.folder, 1);
    assert_eq!(fs::read_dir(&cache.folder).unwrap().count(), 1);
    assert!(cache.path(&digest).exists());
    files::keep_newest(&cache.folder, 0);
    assert!(!cache.path(&digest).exists());
}
