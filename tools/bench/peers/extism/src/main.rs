//! Five filters as Extism plugins, one message at a time on one core: prints the median microseconds a message.
//!
//! `peer-extism PLUGIN MESSAGE SECONDS`

use std::time::{Duration, Instant};

use anyhow::Context as _;
use extism::{Manifest, Plugin, Wasm};

const FILTERS: usize = 5;
/// Messages between two looks at the clock, as many as the engine's own rows take.
const TURN: u32 = 256;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |what: &str| arguments.next().with_context(|| format!("the {what} is missing"));
    let (plugin, message, seconds) = (next("plugin")?, next("message")?, next("number of seconds")?);
    let plugin = std::fs::read(&plugin).with_context(|| format!("failed to read `{plugin}`"))?;
    let message = std::fs::read(&message).with_context(|| format!("failed to read `{message}`"))?;
    let time = Duration::from_secs_f64(seconds.parse()?);

    let manifest = Manifest::new([Wasm::data(plugin)]);
    let mut filters =
        (0..FILTERS).map(|_| Plugin::new(&manifest, [], false)).collect::<Result<Vec<_>, _>>()?;
    let mut turns = Vec::new();
    let end = Instant::now() + time;
    while Instant::now() < end {
        let began = Instant::now();
        for _ in 0..TURN {
            for filter in &mut filters {
                // A filter that does not answer 0 is an error.
                filter.call::<&[u8], ()>("filter", &message)?;
            }
        }
        turns.push(began.elapsed().as_secs_f64() * 1e6 / f64::from(TURN));
    }
    turns.sort_by(f64::total_cmp);
    println!("{}", turns.get(turns.len() / 2).context("no turn came to its end")?);
    Ok(())
}
