//! Bundles that are text files: `fake <name> <version>`, and below it words that say what the processor does.

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use model::{
    BundleRef, Call, Catalog, Digest, Emission, Fault, Message, Name, Outcome, Processor, Refusal, Resolved,
    TrapKind, Verdict, Wanted,
};
use mpc::{BundleFile, Bundles, Loaded, RefusedFile};
use parking_lot::{Condvar, Mutex};

/// Opens scripted bundles and remembers every file it was ever shown. As with real ones, a file that cannot be used leaves
/// in use what was at its path before.
#[derive(Default)]
pub(crate) struct ScriptedBundles {
    shown: Mutex<HashSet<Digest>>,
    used: Mutex<HashMap<PathBuf, (BundleRef, Script)>>,
    /// While it is set, no bundle finds an instance to start in.
    pub(crate) crowded: Arc<AtomicBool>,
    /// What a processor that says `gate` waits at.
    pub(crate) gate: Arc<Gate>,
}

/// Holds up the first that comes, once it is shut.
#[derive(Default)]
pub(crate) struct Gate {
    state: Mutex<Passing>,
    changed: Condvar,
}

#[derive(Default, PartialEq)]
enum Passing {
    #[default]
    Free,
    Shut,
    Waits,
}

impl Gate {
    pub(crate) fn shut(&self) {
        *self.state.lock() = Passing::Shut;
    }

    /// Whether somebody waits.
    pub(crate) fn is_taken(&self) -> bool {
        *self.state.lock() == Passing::Waits
    }

    pub(crate) fn open(&self) {
        *self.state.lock() = Passing::Free;
        self.changed.notify_all();
    }

    fn pass(&self) {
        let mut state = self.state.lock();
        if *state == Passing::Shut {
            *state = Passing::Waits;
            self.changed.wait_while(&mut state, |state| *state == Passing::Waits);
        }
    }
}

impl ScriptedBundles {
    /// The digests of every file that was opened so far.
    pub(crate) fn shown(&self) -> HashSet<Digest> {
        self.shown.lock().clone()
    }
}

impl Bundles for ScriptedBundles {
    fn load(&self, files: &[BundleFile]) -> Loaded {
        let mut before = std::mem::take(&mut *self.used.lock());
        let (mut used, mut refused) = (HashMap::new(), Vec::new());
        for file in files {
            self.shown.lock().insert(file.digest);
            let path = file.path.clone();
            let script = parse(file).or_else(|| {
                let script = before.remove(&path);
                let kept = script.as_ref().map(|(bundle, _)| bundle.clone());
                refused.push(RefusedFile { path: path.clone(), reason: "it is no script".into(), kept });
                script
            });
            used.extend(script.map(|script| (path, script)));
        }
        let bundles: Vec<_> = used.values().cloned().collect();
        *self.used.lock() = used;
        let present = bundles.iter().map(|(bundle, _)| bundle.clone()).collect();
        let catalog = Arc::new(Scripts(bundles, Arc::clone(&self.crowded), Arc::clone(&self.gate)));
        Loaded { catalog, refused, present }
    }
}

fn parse(file: &BundleFile) -> Option<(BundleRef, Script)> {
    let text = std::str::from_utf8(&file.bytes).ok()?;
    let mut lines = text.lines();
    let mut head = lines.next()?.strip_prefix("fake ")?.split(' ');
    let name = Name::new(head.next()?).ok()?;
    let version = head.next()?.parse().ok()?;
    let words = lines.next().unwrap_or_default().split(' ').map(str::to_owned).collect();
    Some((BundleRef { name, version, digest: file.digest }, Script(words)))
}

#[derive(Clone)]
struct Script(Vec<String>);

struct Scripts(Vec<(BundleRef, Script)>, Arc<AtomicBool>, Arc<Gate>);

impl Catalog for Scripts {
    fn resolve(&self, wanted: &Wanted) -> Result<Resolved, Vec<Refusal>> {
        let named: Vec<_> = self.0.iter().filter(|(bundle, _)| bundle.name == wanted.name).collect();
        let fits = |(bundle, _): &&&(BundleRef, Script)| wanted.range.matches(&bundle.version);
        if self.1.load(Relaxed) {
            return Err(vec![Refusal::Exhausted { bundle: wanted.name.to_string(), instances_max: 1 }]);
        }
        match named.iter().filter(fits).max_by_key(|(bundle, _)| bundle.version.clone()) {
            Some((bundle, script)) => {
                let walks = Mutex::default();
                let (bundle, script, gate) = (bundle.clone(), script.clone(), Arc::clone(&self.2));
                let processor = Arc::new(Running { bundle: bundle.clone(), script, walks, gate });
                Ok(Resolved { bundle, processor })
            }
            None if named.is_empty() => {
                Err(vec![Refusal::UnknownBundle { name: wanted.name.to_string(), near: None }])
            }
            None => Err(vec![Refusal::NoMatchingVersion {
                name: wanted.name.to_string(),
                range: wanted.range.to_string(),
                found: named.iter().map(|(bundle, _)| bundle.version.to_string()).collect(),
            }]),
        }
    }
}

struct Running {
    bundle: BundleRef,
    script: Script,
    /// How often it saw each message.
    walks: Mutex<HashMap<String, u32>>,
    gate: Arc<Gate>,
}

impl Processor for Running {
    fn process(&self, message: &Message, call: &mut Call) -> Result<Outcome, Fault> {
        let mut outcome = Outcome::default();
        let body = String::from_utf8_lossy(&message.body).into_owned();
        let poisoned = body.contains("poison");
        for word in &self.script.0 {
            let (word, argument) = word.split_once(':').unwrap_or((word, ""));
            match word {
                // Leaves its name in the body: what ran, seen from inside.
                "mark" => outcome.body = Some(format!("{body}|{}", self.bundle).into()),
                // Leaves how many messages of the key came before.
                "count" => {
                    let name = self.bundle.name.as_str();
                    let before = call.state.get(name, &message.key, "n").unwrap();
                    let n = before.map_or(0, |n| std::str::from_utf8(&n).unwrap().parse::<u64>().unwrap());
                    call.state.set(name, &message.key, "n", Some((n + 1).to_string().into())).unwrap();
                    outcome.body = Some(format!("{body}|{n}").into());
                }
                "emit" => call.emissions.push(Emission {
                    output: argument.to_owned(),
                    kind: "noted".into(),
                    key: message.key.clone(),
                    body: message.body.clone(),
                }),
                "gate" => self.gate.pass(),
                // Long enough for a swap to fall between two steps.
                "slow" => std::thread::sleep(std::time::Duration::from_micros(50)),
                "twice" if !poisoned => {
                    let mut walks = self.walks.lock();
                    let walks = walks.entry(message.id.clone()).or_insert(0);
                    *walks += 1;
                    if *walks > 2 {
                        return Err(Fault::Reject { reason: "seen too often".into() });
                    }
                }
                // The second time it sees a message.
                "hiccup" if poisoned => {
                    let mut walks = self.walks.lock();
                    let walks = walks.entry(message.id.clone()).or_insert(0);
                    *walks += 1;
                    if *walks == 2 {
                        return Err(Fault::Retry { reason: "not this time".into() });
                    }
                }
                "term" if body.contains("term") => outcome.verdict = Verdict::Term("asked to".into()),
                "retry" if poisoned => return Err(Fault::Retry { reason: "not now".into() }),
                "heal" if poisoned && call.attempt < argument.parse().unwrap() => {
                    return Err(Fault::Retry { reason: "not yet".into() });
                }
                // More than any bus takes.
                "rant" if poisoned => return Err(Fault::Reject { reason: "\u{1}".repeat(4 << 20) }),
                "reject" if poisoned => return Err(Fault::Reject { reason: "never".into() }),
                "trap" if poisoned => {
                    let backtrace = vec!["guest::process".to_owned()];
                    let message = "the guest trapped".into();
                    return Err(Fault::Trap { kind: TrapKind::Trap, message, backtrace });
                }
                "panic" if poisoned => panic!("the host has a bug"),
                _ => {}
            }
        }
        Ok(outcome)
    }
}
