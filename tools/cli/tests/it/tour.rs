//! The README's ten-minute tour, command by command.

use std::{fs::File, net::TcpListener, process::Stdio, time::Duration};

use testkit::bundles;
use tokio::{process::Command, time::timeout};

use crate::support::alone;

/// A shell that stands still for so long is stuck.
const AT_MOST: Duration = Duration::from_secs(300);

/// What it shows on the way, in this order.
const SEEN: &[&str] = &[
    "name         spam-filter",
    "chains/feed.toml: ok",
    "+ /hashtags [\"köln\"]",
    "{\"http\":",
    "HTTP/1.1 202 Accepted",
    "{\"id\":\"42-",
    "\"text\":\"Hello, #world\"",
    "│ Hello, #world ",
    "#2 feed: generation 1 → 2 live",
    "#3 feed: refused, generation 2 runs on",
    "chains/feed.toml:95:1]",
    "has 109 characters",
    "#4 feed: generation 2 → 3 live",
    "1 replayed as message",
    "│ There is so much to say",
    "name         word-count",
    " feed: generation 3 → 4 live",
    "\"words\":4",
];

/// The blocks marked `<!-- tour -->`, in order.
fn blocks(readme: &str) -> Vec<&str> {
    let mut blocks = Vec::new();
    for after in readme.split("<!-- tour -->").skip(1) {
        let code = after.trim_start().strip_prefix("```sh\n").expect("a tour block is a block of `sh`");
        blocks.push(code.split("```").next().unwrap());
    }
    blocks
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_of_the_tour_works() {
    let _alone = alone().await;
    let readme = std::fs::read_to_string(bundles::root().join("README.md")).unwrap();
    let blocks = blocks(&readme);
    assert!(blocks.len() > 8, "the README has no tour");
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    // Verbatim but for where it happens: its folder lies elsewhere, and the port is one that is free.
    let tour = folder.path().display().to_string();
    let mut script = "set -eu\n".to_owned();
    for block in blocks {
        let block = block.replace("localhost:8080", &format!("localhost:{port}"));
        let block = block
            .replace("tour/", &format!("{tour}/"))
            .replace("mkdir -p tour ", &format!("mkdir -p {tour} "));
        if block.contains("catena new") {
            // What the SDK needs is built once, not anew in each temporary folder.
            script.push_str(&format!(
                "export CARGO_TARGET_DIR='{}'\n",
                bundles::target().join("new-processor").display()
            ));
        }
        script.push_str(&block);
    }
    let shown = folder.path().join("shown");
    let output = File::create(&shown).unwrap();
    // Any shell will do: where this is dash, what only bash knows fails.
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &script])
        .current_dir(bundles::root())
        .env("CATENA_HTTP_ADDRESS", format!("127.0.0.1:{port}"))
        .env("CATENA_ADMIN_ADDRESS", "127.0.0.1:0")
        .env("CATENA_URL", format!("http://127.0.0.1:{port}"))
        // Whoever runs this has built the workspace: everything the tour builds is there.
        .env("CARGO_NET_OFFLINE", "true")
        .stdin(Stdio::null())
        .stdout(output.try_clone().unwrap())
        .stderr(output)
        .process_group(0);
    let mut shell = shell.spawn().unwrap();
    let group = format!("-{}", shell.id().unwrap());
    let ended = timeout(AT_MOST, shell.wait()).await;
    // Whatever the tour began ends with it: a shell that gave up leaves its node behind.
    let _ = Command::new("kill").args(["-TERM", "--", &group]).stderr(Stdio::null()).status().await;
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
    let said = format!("{}\n--- the node's log\n{log}", std::fs::read_to_string(shown).unwrap());
    let status = ended.unwrap_or_else(|_| panic!("the tour stands still:\n{said}")).unwrap();
    assert!(status.success(), "{status}\n{said}");
    let mut rest = &said[..];
    for seen in SEEN {
        let at = rest
            .find(seen)
            .unwrap_or_else(|| panic!("the tour does not show `{seen}` in its place:\n{said}"));
        rest = &rest[at + seen.len()..];
    }
}
