//! wasmtime's two compilers: how long the sample bundles take, and how fast what comes out of it is. In a program of its own, which
//! `cargo xtask bench peers` builds, since the engine is not built with Winch (ADR 16).

use std::{
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, ensure};

use crate::{message, report::Row, tables::Scale};

/// What the program prints, in this order, and its unit.
const FIGURES: [(&str, &str); 5] = [
    ("a sample bundle compiled (mean)", "ms"),
    ("the slowest of them", "ms"),
    ("its code (mean)", "KB"),
    ("a call that hands its message on", "µs"),
    ("a call that parses its message", "µs"),
];

/// Runs the benchmark.
pub(crate) fn run(scale: &Scale) -> anyhow::Result<Vec<Row>> {
    let program = scale.peers.join("compilers/release/peer-compilers");
    if !program.is_file() {
        let why = "`cargo xtask bench peers` builds it, where crates.io can be reached";
        return Ok(vec![Row::absent("wasmtime with Winch", why)]);
    }
    let folder = tempfile::tempdir_in(testkit::bundles::target())?;
    let file = folder.path().join("message.json");
    std::fs::write(&file, message::body(message::BYTES))?;
    let of = |compiler| figures(&program, compiler, &file, scale.time.as_secs_f64() / 2.0);
    let (cranelift, quick, winch) = (of("cranelift")?, of("quick")?, of("winch")?);
    let others = quick.into_iter().zip(winch);
    let rows = FIGURES.into_iter().zip(cranelift.into_iter().zip(others));
    Ok(rows
        .flat_map(|((what, unit), (cranelift, (quick, winch)))| {
            let by = |compiler: &str, figure| Row::new(format!("{what}, {compiler}"), figure, unit);
            [
                by("Cranelift", cranelift),
                by("Cranelift, nothing optimised", quick).beside("Cranelift", cranelift),
                by("Winch", winch).beside("Cranelift", cranelift),
            ]
        })
        .collect())
}

fn figures(program: &Path, compiler: &str, message: &Path, seconds: f64) -> anyhow::Result<Vec<f64>> {
    let mut command = Command::new(program);
    command.arg(compiler).args([testkit::bundles::samples()?, testkit::bundles::guests()?]);
    let output = command.arg(message).arg(seconds.to_string()).stderr(Stdio::inherit()).output();
    let output = output.with_context(|| format!("failed to start `{}`", program.display()))?;
    ensure!(output.status.success(), "`{}` ended with {}", program.display(), output.status);
    let said = String::from_utf8_lossy(&output.stdout);
    let figures = said.lines().map(str::parse).collect::<Result<Vec<f64>, _>>();
    let figures = figures.ok().filter(|figures| figures.len() == FIGURES.len());
    figures.with_context(|| format!("`{}` printed other things than its figures: {said}", program.display()))
}
