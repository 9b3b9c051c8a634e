//! `settings`, `clock`, `random`: values that are the same on every attempt at a message.

use std::sync::Arc;

use wasmtime::{StoreContextMut, component::Linker};

use super::Host;
use crate::interface;

pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.instance(&interface::full_name("settings"))?.func_wrap("get", settings)?;
    linker.instance(&interface::full_name("clock"))?.func_wrap("now-ms", now_ms)?;
    linker.instance(&interface::full_name("random"))?.func_wrap("next-u64", next_u64)
}

fn settings(store: StoreContextMut<'_, Host>, (): ()) -> wasmtime::Result<(Arc<str>,)> {
    Ok((Arc::clone(&store.data().step.settings),))
}

fn now_ms(store: StoreContextMut<'_, Host>, (): ()) -> wasmtime::Result<(u64,)> {
    Ok((store.data().subject.call.accepted_at_ms,))
}

fn next_u64(mut store: StoreContextMut<'_, Host>, (): ()) -> wasmtime::Result<(u64,)> {
    Ok((splitmix64(&mut store.data_mut().subject.random),))
}

/// Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014): small, and its
/// sequence is fixed for good. Not for secrets.
fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::splitmix64;

    #[test]
    fn random_follows_the_published_sequence() {
        let mut state = 1_234_567;
        let drawn = [(); 3].map(|()| splitmix64(&mut state));
        assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }
}
