//! The ways in which editors, shells and deploy tools write files, on a real file system: never half a file, and the
//! whole one in the end.

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    time::Duration,
};

use mpc::{Receipt, Watch, receipt::Verdict};
use tokio::time::sleep;

use crate::support::{Node, Setup, bundle, chain, digest, step};

/// Long enough for a writer to be believed to be done if only its pauses counted.
const PAUSE: Duration = Duration::from_millis(120);

/// A bundle of some length, so that a part of it parses as well.
fn text(version: &str) -> String {
    format!("{}{}", bundle("a", version, "mark"), "# and so on\n".repeat(200))
}

/// A chain that is a valid, shorter one wherever it is cut between steps.
fn steps(count: usize) -> String {
    let steps: Vec<_> = (0..count).map(|n| step(&format!("s{n}"), "a@^1", "")).collect();
    chain(&format!("# of {count} steps"), &steps)
}

fn parts(text: &str) -> impl Iterator<Item = &[u8]> {
    text.as_bytes().chunks(text.len().div_ceil(5))
}

async fn start(watch: Option<Watch>) -> Node {
    let mut setup = Setup::new().await;
    // Far more than the pauses of the writers here: on a busy machine those may be several times as long.
    setup.options.quiet.doubtful = PAUSE * 8;
    setup.options.quiet.open = PAUSE * 20;
    setup.options.quiet.absent = PAUSE * 6;
    if let Some(watch) = watch {
        setup.options.watch = watch;
    }
    let setup = setup.with(&[("bundles/a.wasm", &text("1.0.0")), ("chains/feed.toml", &steps(8))]);
    setup.start().await
}

/// Saves a new bundle and then a longer chain with `save`, and sees to it that each went live whole, and
/// nothing else ever.
async fn whole(save: impl AsyncFn(&Path, &str)) {
    whole_on(start(None).await, save).await;
}

async fn whole_on(mut node: Node, save: impl AsyncFn(&Path, &str)) {
    save(&node.path("bundles/a.wasm"), &text("1.1.0")).await;
    let bundle = live(&mut node).await;
    assert_eq!(bundle.steps[0].version.to_string(), "1.1.0");
    save(&node.path("chains/feed.toml"), &steps(9)).await;
    let chain = live(&mut node).await;
    assert_eq!(chain.steps.len(), 9, "half a chain went live");
    let whole = [text("1.0.0"), text("1.1.0")].map(|text| digest(&text));
    let shown = node.bundles.shown();
    assert!(shown.iter().all(|digest| whole.contains(digest)), "half a bundle was opened");
    assert_eq!(node.center.receipts(10).len(), 3, "one receipt each, and that of the start");
}

/// The next receipt that is about a chain, which must not be a refusal.
async fn live(node: &mut Node) -> Receipt {
    let receipt = node.receipt_where(|_| true).await;
    assert_eq!(receipt.verdict, Verdict::Live, "{receipt:?}");
    receipt
}

#[tokio::test]
async fn truncate_and_write() {
    whole(async |path, text| fs::write(path, text).unwrap()).await;
}

#[tokio::test]
async fn rename_over() {
    whole(async |path, text| {
        let beside = path.with_extension("tmp");
        fs::write(&beside, text).unwrap();
        fs::rename(beside, path).unwrap();
    })
    .await;
}

#[tokio::test]
async fn copy_slowly() {
    whole(async |path, text| {
        let mut file = File::create(path).unwrap();
        for part in parts(text) {
            file.write_all(part).unwrap();
            sleep(PAUSE).await;
        }
    })
    .await;
}

#[tokio::test]
async fn append_in_parts() {
    whole(async |path, text| {
        File::create(path).unwrap();
        for part in parts(text) {
            OpenOptions::new().append(true).open(path).unwrap().write_all(part).unwrap();
            sleep(PAUSE).await;
        }
    })
    .await;
}

#[tokio::test]
async fn delete_and_create_as_git_does() {
    whole(async |path, text| {
        fs::remove_file(path).unwrap();
        sleep(PAUSE).await;
        let mut file = File::create(path).unwrap();
        for part in parts(text) {
            file.write_all(part).unwrap();
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn hard_link_swap() {
    whole(async |path, text| {
        let store = path.with_extension("store");
        fs::write(&store, text).unwrap();
        fs::remove_file(path).unwrap();
        fs::hard_link(&store, path).unwrap();
        fs::remove_file(store).unwrap();
    })
    .await;
}

#[tokio::test]
async fn everything_moved_out_and_in() {
    whole(async |path, text| {
        let folder = path.parent().unwrap();
        let staging = folder.with_extension("staging");
        fs::create_dir(&staging).unwrap();
        fs::write(staging.join(path.file_name().unwrap()), text).unwrap();
        fs::remove_file(path).unwrap();
        for entry in fs::read_dir(&staging).unwrap() {
            let entry = entry.unwrap();
            fs::rename(entry.path(), folder.join(entry.file_name())).unwrap();
        }
        fs::remove_dir(staging).unwrap();
    })
    .await;
}

#[tokio::test]
async fn config_map_link_swap() {
    let setup = Setup::new().await;
    let (chains, bundles) = (setup.options.chains_dir.clone(), setup.options.bundles_dir.clone());
    let mounted = |folder: &Path, name: &str, text: &str| {
        mount(folder, "..1", &[(name, text)]);
        symlink(Path::new("..data").join(name), folder.join(name)).unwrap();
    };
    mounted(&bundles, "a.wasm", &text("1.0.0"));
    mounted(&chains, "feed.toml", &steps(8));
    whole_on(setup.start().await, async |path, text| {
        let name = path.file_name().unwrap().to_str().unwrap();
        mount(path.parent().unwrap(), "..2", &[(name, text)]);
        fs::remove_dir_all(path.with_file_name("..1")).unwrap();
    })
    .await;
}

/// What a kubelet does: a folder with the new state, and `..data` led to it by a rename.
fn mount(folder: &Path, state: &str, files: &[(&str, &str)]) {
    let data: PathBuf = folder.join(state);
    fs::create_dir(&data).unwrap();
    for (name, text) in files {
        fs::write(data.join(name), text).unwrap();
    }
    symlink(state, folder.join("..data_tmp")).unwrap();
    fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
}

#[tokio::test]
async fn the_whole_folder_exchanged() {
    let node = start(Some(Watch::Events(Duration::from_millis(200)))).await;
    whole_on(node, async |path, text| {
        let folder = path.parent().unwrap();
        let (old, new) = (folder.with_extension("old"), folder.with_extension("new"));
        fs::create_dir(&new).unwrap();
        fs::write(new.join(path.file_name().unwrap()), text).unwrap();
        fs::rename(folder, &old).unwrap();
        fs::rename(&new, folder).unwrap();
        fs::remove_dir_all(old).unwrap();
    })
    .await;
}

#[tokio::test]
async fn polling_alone_gets_there_too() {
    let node = start(Some(Watch::Poll(Duration::from_millis(100)))).await;
    whole_on(node, async |path, text| {
        let mut file = File::create(path).unwrap();
        for part in parts(text) {
            file.write_all(part).unwrap();
            sleep(PAUSE).await;
        }
    })
    .await;
}
