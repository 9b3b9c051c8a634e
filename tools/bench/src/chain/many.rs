//! Whether more of anything costs more: chains that are loaded, and steps of a chain.

use std::time::{Duration, Instant};

use super::{
    BATCH,
    plans::{Batch, Guests},
};
use crate::{message, report::Row, turns::Turns};

const CHAINS: [usize; 4] = [1, 10, 100, 1_000];
const STEPS: [usize; 4] = [1, 5, 16, 64];
/// Steps of each of many chains.
const STEPS_EACH: usize = 5;
/// An instance for each step of each chain, and a few to spare.
const INSTANCES_MAX: u32 = 5_100;

/// What a message costs with ever more chains loaded: sent to one of them, and to all of them in turn.
pub(crate) fn chains(time: Duration) -> anyhow::Result<Vec<Row>> {
    let guests = Guests::new(&["pass"], INSTANCES_MAX)?;
    let mut batch = Batch::of(&message::of(message::BYTES), BATCH);
    let (mut plans, mut rows) = (Vec::new(), Vec::new());
    let (mut one_alone, mut each_alone) = (None, None);
    for count in CHAINS {
        while plans.len() < count {
            let plan = guests.plan("pass", STEPS_EACH)?;
            // An instance's first call touches its memory for the first time.
            batch.together(&plan, BATCH)?;
            plans.push(plan);
        }
        let (mut one, mut each) = (Turns::default(), Turns::default());
        let end = Instant::now() + time;
        while Instant::now() < end {
            for plan in &plans {
                each.turn(BATCH, || batch.together(plan, BATCH))?;
            }
            for plan in plans.iter().take(1).cycle().take(count) {
                one.turn(BATCH, || batch.together(plan, BATCH))?;
            }
        }
        let (one, each) = (one.micros(), each.micros());
        rows.push(
            Row::new(format!("{count} loaded, messages for one of them"), one, "µs")
                .beside("one chain", *one_alone.get_or_insert(one)),
        );
        rows.push(
            Row::new(format!("{count} loaded, each in turn"), each, "µs")
                .beside("one chain", *each_alone.get_or_insert(each))
                .note("its code and memory are cold where there are many"),
        );
    }
    Ok(rows)
}

/// What a step costs in ever longer chains.
pub(crate) fn steps(time: Duration) -> anyhow::Result<Vec<Row>> {
    let guests = Guests::new(&["pass"], 256)?;
    let mut batch = Batch::of(&message::of(message::BYTES), BATCH);
    let plans = STEPS.map(|steps| guests.plan("pass", steps).map(|plan| (steps, plan, Turns::default())));
    let mut plans = plans.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    let end = Instant::now() + time;
    while Instant::now() < end {
        for (steps, plan, turns) in &mut plans {
            turns.turn(BATCH * *steps, || batch.together(plan, BATCH))?;
        }
    }
    let mut shortest = None;
    Ok(plans
        .iter()
        .map(|(steps, _, turns)| {
            let micros = turns.micros();
            Row::new(format!("a step of a chain of {steps}"), micros, "µs")
                .beside("a chain of one step", *shortest.get_or_insert(micros))
        })
        .collect())
}
