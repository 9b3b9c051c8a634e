use std::collections::BTreeMap;

use crate::{Emission, Level};

/// Bytes of one state value at most, as the engine has it.
const VALUE_BYTES_MAX: usize = 64 * 1024;
/// Bytes of an entry's name at most.
const NAME_BYTES_MAX: usize = 128;
/// Somewhere in 2023, so that windows do not underflow.
const START_MS: u64 = 1_700_000_000_000;

/// A message that was emitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emitted {
    /// The output's name.
    pub output: String,
    /// Its kind.
    pub kind: String,
    /// Its key: that of the message at work, where the processor gave none.
    pub key: String,
    /// Its body.
    pub body: Vec<u8>,
}

impl Emitted {
    /// The body as JSON; `Null` where it is not JSON.
    #[must_use]
    pub fn json_body(&self) -> super::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

type State = BTreeMap<(String, String), Vec<u8>>;

/// The engine, in memory. A [`Harness`](super::Harness) has one.
#[derive(Debug)]
pub struct Memory {
    pub(super) now_ms: u64,
    pub(super) logs: Vec<(Level, String)>,
    key: String,
    seed: u64,
    /// As committed, and as the message at work sees it.
    committed: State,
    working: State,
    emitted: Vec<Emitted>,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            now_ms: START_MS,
            logs: Vec::new(),
            key: String::new(),
            seed: 0,
            committed: State::new(),
            working: State::new(),
            emitted: Vec::new(),
        }
    }
}

impl Memory {
    pub(super) fn begin(&mut self, id: &str, key: &str) {
        key.clone_into(&mut self.key);
        self.logs.clear();
        self.emitted.clear();
        self.working.clone_from(&self.committed);
        self.seed = id.bytes().fold(0, |seed, byte| (seed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    }

    /// Keeps or forgets what the message left behind; answers what it emitted.
    pub(super) fn end(&mut self, keep: bool) -> Vec<Emitted> {
        if keep {
            self.committed.clone_from(&self.working);
        }
        std::mem::take(&mut self.emitted)
    }

    pub(super) fn committed(&self, key: &str, name: &str) -> Option<&[u8]> {
        self.committed.get(&(key.to_owned(), name.to_owned())).map(Vec::as_slice)
    }

    fn entry(&self, name: &str) -> (String, String) {
        (self.key.clone(), name.to_owned())
    }

    pub(crate) fn log(&mut self, level: Level, text: &str) {
        self.logs.push((level, text.to_owned()));
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// SplitMix64 (Steele, Lea, Flood 2014).
    pub(crate) fn random_u64(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.seed ^ (self.seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn state(&self, name: &str) -> Option<Vec<u8>> {
        self.working.get(&self.entry(name)).cloned()
    }

    pub(crate) fn set_state(&mut self, name: &str, value: &[u8]) {
        assert!(name.len() <= NAME_BYTES_MAX, "the name of a state entry has at most {NAME_BYTES_MAX} bytes");
        assert!(value.len() <= VALUE_BYTES_MAX, "state `{name}` has at most {VALUE_BYTES_MAX} bytes");
        self.working.insert(self.entry(name), value.to_vec());
    }

    pub(crate) fn remove_state(&mut self, name: &str) {
        self.working.remove(&self.entry(name));
    }

    /// Every output is there and granted: which ones are, is for the chain to say.
    #[expect(clippy::unnecessary_wraps, reason = "the same shape as the host's")]
    pub(crate) fn emit(&mut self, output: &str, emission: &Emission) -> Result<(), String> {
        let Emission { kind, key, body } = emission.clone();
        let key = if key.is_empty() { self.key.clone() } else { key };
        self.emitted.push(Emitted { output: output.to_owned(), kind, key, body });
        Ok(())
    }
}
