//! Throughput and waiting against the length of a chain, the size of a message and the size of a batch, drawn into
//! docs/performance.svg.

mod svg;

use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::{
    chain::{
        BATCH, STEPS,
        plans::{Batch, Guests},
    },
    message, open,
    turns::Turns,
};
use svg::{Panel, Series};

const LENGTHS: [usize; 5] = [1, 2, 5, 16, 64];
const BYTES: [usize; 5] = [700, 1_000, 4_000, 16_000, 64_000];
const BATCHES: [usize; 6] = [1, 4, 16, 64, 256, 1_000];
/// What the steps do, and the guest that does it.
const GUESTS: [(&str, &str); 2] = [("hand on", "pass"), ("read two fields", "fields")];
/// Of what the chain can take, while waiting is measured.
const LOAD: f64 = 0.5;

/// One way to set things.
#[derive(Clone, Copy)]
struct Point {
    steps: usize,
    bytes: usize,
    batch: usize,
}

const USUAL: Point = Point { steps: STEPS, bytes: message::BYTES, batch: BATCH };

/// Measures and draws; each point takes a third of `time`.
pub(crate) fn write(time: Duration) -> anyhow::Result<()> {
    let guests = Guests::new(&GUESTS.map(|(_, guest)| guest), 256)?;
    let across: [(&str, Vec<(usize, Point)>); 3] = [
        ("steps", LENGTHS.map(|steps| (steps, Point { steps, ..USUAL })).to_vec()),
        ("bytes a message", BYTES.map(|bytes| (bytes, Point { bytes, ..USUAL })).to_vec()),
        ("messages a batch at most", BATCHES.map(|batch| (batch, Point { batch, ..USUAL })).to_vec()),
    ];
    let (mut rates, mut waits) = (Vec::new(), Vec::new());
    for (x, points) in across {
        let (mut rate, mut wait) = (Vec::new(), Vec::new());
        for (name, guest) in GUESTS {
            let (mut fast, mut long) = (Vec::new(), Vec::new());
            for (at, point) in &points {
                let (messages, micros) = measure(&guests, guest, *point, time / 3)?;
                fast.push((*at as f64, messages));
                long.push((*at as f64, micros));
            }
            rate.push(Series { name, points: fast });
            wait.push(Series { name, points: long });
        }
        rates.push(Panel { x, y: "messages/s, one core", series: rate });
        waits.push(Panel { x, y: "µs at half load, p99", series: wait });
    }
    let path = testkit::bundles::root().join("docs/performance.svg");
    std::fs::write(&path, svg::draw(&[rates, waits]))
        .with_context(|| format!("failed to write `{}`", path.display()))
}

/// Messages a second in full batches, and the p99 of their waiting at half that rate.
fn measure(guests: &Guests, guest: &str, point: Point, time: Duration) -> anyhow::Result<(f64, f64)> {
    let plan = guests.plan(guest, point.steps)?;
    let mut batch = Batch::of(&message::of(point.bytes), point.batch);
    let (mut turns, end) = (Turns::default(), Instant::now() + time / 3);
    while Instant::now() < end {
        turns.turn(point.batch, || batch.together(&plan, point.batch))?;
    }
    let rate = 1e6 / turns.micros();
    let waits = open::drive(LOAD * rate, time * 2 / 3, point.batch, |due| batch.together(&plan, due))?;
    Ok((rate, waits.micros(0.99)))
}
