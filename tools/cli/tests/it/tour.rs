//! The README's ten-minute tour, command by command.

use std::{net::TcpListener, process::Stdio, time::Duration};

use testkit::bundles;
use tokio::{process::Command, time::timeout};

use crate::support::alone;

/// A shell that stands still for so long is stuck.
const AT_MOST: Duration = Duration::from_secs(600);

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
    let mut script = "set -euo pipefail\n".to_owned();
    for block in blocks {
        let block = block.replace("localhost:8080", &format!("localhost:{port}"));
        let block = block
            .replace("tour/", &format!("{tour}/"))
            .replace("mkdir -p tour ", &format!("mkdir -p {tour} "));
        script.push_str(&format!("echo '── next'\n{block}"));
    }
    let mut shell = Command::new("bash");
    shell
        .args(["-c", &script])
        .current_dir(bundles::root())
        .env("CATENA_HTTP_ADDRESS", format!("127.0.0.1:{port}"))
        .env("CATENA_ADMIN_ADDRESS", "127.0.0.1:0")
        .env("CATENA_URL", format!("http://127.0.0.1:{port}"))
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = timeout(AT_MOST, shell.output()).await.expect("the tour stands still").unwrap();
    let said = format!(
        "{}\n--- stderr\n{}\n--- the node's log\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
        std::fs::read_to_string(folder.path().join("log")).unwrap_or_default(),
    );
    assert!(output.status.success(), "{}\n{said}", output.status);
    for seen in ["Hello, #world", "refused", "surprise", "longer than twenty", "\"http\""] {
        assert!(said.contains(seen), "`{seen}` is not in what the tour shows:\n{said}");
    }
}
