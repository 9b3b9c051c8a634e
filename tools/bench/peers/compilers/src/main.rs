//! How long bundles take to compile and how fast their code is, with one of wasmtime's compilers: Cranelift as the
//! engine has it, Cranelift that optimises nothing, or Winch.
//!
//! `peer-compilers cranelift|quick|winch BUNDLES GUESTS MESSAGE SECONDS` prints the milliseconds that one bundle of the folder BUNDLES takes (mean), those
//! that the slowest takes, kilobytes of their code (mean), and microseconds a call of `pass-by-value` and of `fields-by-value` of the folder GUESTS.

// The same calls as the bench itself makes, over another engine.
#[expect(dead_code, reason = "the bench's own engine")]
#[path = "../../../src/chain/bare.rs"]
mod bare;

extern crate catena_model as model;

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow, bail};
use bare::Bare;
use wasmtime::{Engine, OptLevel, RegallocAlgorithm, Strategy, component::Component};

/// Each bundle is compiled so often; the median counts.
const COMPILATIONS: usize = 9;
/// Messages between two looks at the clock.
const TURN: u32 = 256;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |what: &str| arguments.next().with_context(|| format!("the {what} is missing"));
    let mut config = bare::config();
    match next("compiler")?.as_str() {
        "cranelift" => config.strategy(Strategy::Cranelift),
        "quick" => config
            .strategy(Strategy::Cranelift)
            .cranelift_opt_level(OptLevel::None)
            .cranelift_regalloc_algorithm(RegallocAlgorithm::SinglePass),
        "winch" => config.strategy(Strategy::Winch),
        other => bail!("there is no compiler `{other}`"),
    };
    let (bundles, guests) = (next("folder of bundles")?, next("folder of guests")?);
    let message = next("message")?;
    let message = fs::read(&message).with_context(|| format!("failed to read `{message}`"))?;
    let time = Duration::from_secs_f64(next("number of seconds")?.parse()?);

    let engine = Engine::new(&config).map_err(|e| anyhow!("{e:#}"))?;
    let (mut millis, mut kilobytes) = (Vec::new(), Vec::new());
    for bundle in bundles_of(Path::new(&bundles))? {
        let bytes = fs::read(&bundle).with_context(|| format!("failed to read `{}`", bundle.display()))?;
        let mut turns = Vec::new();
        for _ in 0..COMPILATIONS {
            let began = Instant::now();
            let compiled = compile(&engine, &bytes).with_context(|| bundle.display().to_string())?;
            turns.push(began.elapsed().as_secs_f64() * 1e3);
            if turns.len() == COMPILATIONS {
                let code = compiled.image_range();
                kilobytes.push((code.end.addr() - code.start.addr()) as f64 / 1e3);
            }
        }
        millis.push(median(turns));
    }
    let slowest = millis.iter().copied().fold(f64::NAN, f64::max);
    println!("{}\n{slowest}\n{}", mean(&millis), mean(&kilobytes));

    let message = model::Message {
        id: "42-0000000000000001".to_owned(),
        kind: "note".to_owned(),
        key: "42".to_owned(),
        headers: model::Headers::default(),
        body: message.into(),
    };
    for guest in ["pass-by-value", "fields-by-value"] {
        let file = Path::new(&guests).join(format!("{guest}.wasm"));
        let bytes = fs::read(&file).with_context(|| format!("failed to read `{}`", file.display()))?;
        println!("{}", micros(&engine, &bytes, &message, time)?);
    }
    Ok(())
}

fn bundles_of(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let files = fs::read_dir(folder).with_context(|| format!("failed to read `{}`", folder.display()))?;
    let files = files.map(|file| Ok(file?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    let bundles: Vec<_> =
        files.into_iter().filter(|path| path.extension().is_some_and(|e| e == "wasm")).collect();
    anyhow::ensure!(!bundles.is_empty(), "there is no bundle in `{}`", folder.display());
    Ok(bundles)
}

/// With wasmtime's pointers to the code left in place, as they are while it runs.
fn compile(engine: &Engine, bytes: &[u8]) -> anyhow::Result<Component> {
    Component::from_binary(engine, bytes).map_err(|e| anyhow!("{e:#}"))
}

/// Of one call, as the median of many turns.
fn micros(
    engine: &Engine,
    component: &[u8],
    message: &model::Message,
    time: Duration,
) -> anyhow::Result<f64> {
    let mut bare = Bare::new(engine, component, 1)?;
    let (mut turns, end) = (Vec::new(), Instant::now() + time);
    while Instant::now() < end {
        let began = Instant::now();
        for _ in 0..TURN {
            bare.run(message)?;
        }
        turns.push(began.elapsed().as_secs_f64() * 1e6 / f64::from(TURN));
    }
    Ok(median(turns))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
