//! Running the command, and what fault tests share.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use testkit::bundles;

/// The command under test.
pub(crate) const CATENA: &str = env!("CARGO_BIN_EXE_catena");

/// What a call said.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// For snapshots: exit code, stdout, stderr.
    pub(crate) fn shown(&self) -> String {
        let Self { code, stdout, stderr } = self;
        let code = code.map_or("signal".to_owned(), |code| code.to_string());
        format!("exit {code}\n--- stdout\n{stdout}--- stderr\n{stderr}")
    }
}

/// Calls the command at the root of the repository, with nothing of our own environment that it listens to.
pub(crate) fn catena<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Ran {
    run(command().args(arguments), "")
}

/// As [`catena`], with something on standard input.
pub(crate) fn catena_reading(arguments: &[&str], input: &str) -> Ran {
    run(command().args(arguments), input)
}

/// The command, ready for arguments.
pub(crate) fn command() -> Command {
    let mut command = Command::new(CATENA);
    command.current_dir(bundles::root()).env("NO_COLOR", "1").env_remove("COLUMNS").env_remove("TERM");
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CATENA_")) {
        command.env_remove(name);
    }
    command
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command, input: &str) -> Ran {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        // Beside reading, or both would wait for each other; and a command that ends without reading is no fault.
        scope.spawn(move || drop(stdin.write_all(input.as_bytes())));
        child.wait_with_output().unwrap()
    });
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// The samples' bundles, as an argument.
pub(crate) fn samples() -> String {
    bundles::samples().unwrap().display().to_string()
}

/// Rounds of a fault test.
pub(crate) fn rounds() -> u64 {
    std::env::var("CATENA_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(20)
}

/// Lets one fault test at a time have the machine.
pub(crate) async fn alone() -> tokio::sync::MutexGuard<'static, ()> {
    static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    ALONE.lock().await
}

/// Copies one bundle into a folder.
pub(crate) fn install(bundle: &Path, folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::copy(bundle, folder.join(bundle.file_name().unwrap())).unwrap();
}
