//! The machine against a simulated folder and clock.

use proptest::prelude::*;

use super::*;

const PATH: &str = "chains/feed.toml";

/// A file, its events and its reader, on a clock of milliseconds.
struct Simulation {
    start: Instant,
    now_ms: u64,
    content: Option<Bytes>,
    inode: u64,
    changed_ms: u64,
    target: Option<PathBuf>,
    machine: Settling,
    /// Whether events are delivered.
    events: bool,
    scan_ms: u64,
    taken: Vec<Option<Bytes>>,
}

impl Simulation {
    fn new(content: Option<&str>, events: bool) -> Self {
        let mut simulation = Self {
            start: Instant::now(),
            now_ms: 1_000,
            content: content.map(|text| Bytes::copy_from_slice(text.as_bytes())),
            inode: 1,
            changed_ms: 0,
            target: None,
            machine: Settling::new(Quiet::default()),
            events,
            scan_ms: 1_000,
            taken: Vec::new(),
        };
        if let Some(bytes) = simulation.content.clone() {
            let print = simulation.print().unwrap();
            simulation.machine.begin_with(PATH.into(), print, bytes);
        }
        simulation
    }

    fn at(&self) -> Instant {
        self.start + Duration::from_millis(self.now_ms)
    }

    fn print(&self) -> Option<Print> {
        let bytes = self.content.as_ref()?.len() as u64;
        let changed_ns = i128::from(self.changed_ms);
        Some(Print { inode: self.inode, bytes, changed_ns, target: self.target.clone() })
    }

    /// What the reader does, millisecond by millisecond.
    fn wait(&mut self, ms: u64) {
        for _ in 0..ms {
            self.now_ms += 1;
            let now = self.at();
            if self.now_ms >= self.scan_ms {
                let found = self.print().into_iter().map(|print| (PATH.into(), print)).collect();
                self.machine.scan(&found, now);
                self.scan_ms += 5_000;
            }
            for path in self.machine.due(now) {
                let look = match (&self.content, self.print()) {
                    (Some(_), Some(_)) if self.now_ms - self.changed_ms < 30 => Look::Busy,
                    (Some(bytes), Some(print)) => Look::Read(print, bytes.clone()),
                    _ => Look::Absent,
                };
                match self.machine.looked(&path, look, now) {
                    Settled::Holds(bytes) => self.taken.push(Some(bytes)),
                    Settled::Removed => self.taken.push(None),
                    Settled::NotYet | Settled::Same => {}
                }
            }
        }
    }

    fn event(&mut self, hint: Hint) {
        self.changed_ms = self.now_ms;
        if self.events {
            self.machine.hint(Path::new(PATH), hint, self.at());
        }
    }

    fn set(&mut self, content: &[u8], hint: Hint) {
        self.content = Some(Bytes::copy_from_slice(content));
        self.event(hint);
    }

    fn remove(&mut self) {
        self.content = None;
        self.event(Hint::Gone);
    }

    /// Parts of `text`, `gap_ms` apart, as somebody writes who keeps the file open.
    fn write_slowly(&mut self, text: &str, parts: usize, gap_ms: u64) {
        self.set(b"", Hint::Written);
        for end in ends(text, parts) {
            self.wait(gap_ms);
            self.set(&text.as_bytes()[..end], Hint::Written);
        }
        self.event(Hint::Closed);
    }

    /// The same by several writers, one after the other.
    fn append_slowly(&mut self, text: &str, parts: usize, gap_ms: u64) {
        self.set(b"", Hint::Written);
        self.event(Hint::Closed);
        for end in ends(text, parts) {
            self.wait(gap_ms);
            self.set(&text.as_bytes()[..end], Hint::Written);
            self.event(Hint::Closed);
        }
    }
}

fn ends(text: &str, parts: usize) -> Vec<usize> {
    (1..=parts).map(|part| text.len() * part / parts).collect()
}

fn taken(simulation: &Simulation) -> Vec<Option<&str>> {
    simulation.taken.iter().map(|b| b.as_ref().map(|b| std::str::from_utf8(b).unwrap())).collect()
}

#[derive(Clone, Debug)]
enum Style {
    Truncate,
    Rename,
    Slow { parts: usize, gap_ms: u64 },
    Append { parts: usize, gap_ms: u64 },
    Link,
    DeleteAndCreate { away_ms: u64 },
    HardLink,
    Retarget,
}

impl Style {
    fn save(&self, simulation: &mut Simulation, text: &str) {
        simulation.inode += 1;
        match *self {
            Self::Truncate => simulation.write_slowly(text, 1, 0),
            Self::Rename => simulation.set(text.as_bytes(), Hint::Placed),
            Self::Slow { parts, gap_ms } => simulation.write_slowly(text, parts, gap_ms),
            Self::Append { parts, gap_ms } => simulation.append_slowly(text, parts, gap_ms),
            Self::Link => simulation.set(text.as_bytes(), Hint::Touched),
            Self::DeleteAndCreate { away_ms } => {
                simulation.remove();
                simulation.wait(away_ms);
                simulation.set(b"", Hint::Touched);
                simulation.set(text.as_bytes(), Hint::Written);
                simulation.event(Hint::Closed);
            }
            Self::HardLink => {
                simulation.remove();
                simulation.set(text.as_bytes(), Hint::Touched);
            }
            Self::Retarget => {
                // The link's own events are those of another name; a scan is what they ask for.
                simulation.target = Some(format!("..{}/feed.toml", simulation.inode).into());
                simulation.content = Some(Bytes::copy_from_slice(text.as_bytes()));
                simulation.changed_ms = simulation.now_ms.saturating_sub(100);
                simulation.scan_ms = simulation.now_ms;
            }
        }
    }
}

fn style() -> impl Strategy<Value = Style> {
    prop_oneof![
        Just(Style::Truncate),
        Just(Style::Rename),
        (2usize..6, 0u64..2_900).prop_map(|(parts, gap_ms)| Style::Slow { parts, gap_ms }),
        (2usize..6, 0u64..950).prop_map(|(parts, gap_ms)| Style::Append { parts, gap_ms }),
        Just(Style::Link),
        (0u64..450).prop_map(|away_ms| Style::DeleteAndCreate { away_ms }),
        Just(Style::HardLink),
        Just(Style::Retarget),
    ]
}

/// Versions of a file: of like size, and told apart by their first line.
fn version(n: usize) -> String {
    format!("# version {n}\n{}", "[[step]]\nid = 'x'\n".repeat(8))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_style_only_whole_versions_are_taken_and_the_last_one_within_five_seconds(
        saves in prop::collection::vec((style(), 0u64..4_000), 1..5),
    ) {
        let mut simulation = Simulation::new(Some(&version(0)), true);
        for (n, (style, pause_ms)) in saves.iter().enumerate() {
            style.save(&mut simulation, &version(n + 1));
            simulation.wait(*pause_ms);
        }
        simulation.wait(5_000 - saves.last().unwrap().1);
        let versions: Vec<_> = (1..=saves.len()).map(version).collect();
        let taken = taken(&simulation);
        for text in &taken {
            let text = text.expect("nothing was removed");
            prop_assert!(versions.iter().any(|version| version == text), "half a file: {text:?}");
        }
        prop_assert_eq!(taken.last().copied().flatten(), versions.last().map(String::as_str));
    }

    #[test]
    fn lost_events_are_made_up_for_within_ten_seconds(
        styles in prop::collection::vec(style(), 1..4),
    ) {
        let mut simulation = Simulation::new(Some(&version(0)), false);
        for (n, style) in styles.iter().enumerate() {
            style.save(&mut simulation, &version(n + 1));
        }
        simulation.wait(10_000);
        let last = version(styles.len());
        prop_assert_eq!(taken(&simulation).last().copied().flatten(), Some(last.as_str()));
    }
}

#[test]
fn a_closed_or_renamed_file_is_taken_after_a_moment() {
    for style in [Style::Truncate, Style::Rename] {
        let mut simulation = Simulation::new(Some(&version(0)), true);
        style.save(&mut simulation, &version(1));
        simulation.wait(29);
        assert!(simulation.taken.is_empty(), "{style:?}");
        simulation.wait(2);
        assert_eq!(taken(&simulation), [Some(version(1).as_str())], "{style:?}");
    }
}

#[test]
fn a_file_left_open_is_taken_in_the_end() {
    let mut simulation = Simulation::new(Some(&version(0)), true);
    simulation.set(version(1).as_bytes(), Hint::Written);
    simulation.wait(2_999);
    assert!(simulation.taken.is_empty());
    simulation.wait(2);
    assert_eq!(taken(&simulation), [Some(version(1).as_str())]);
}

#[test]
fn a_file_that_stays_away_is_removed_and_one_that_comes_back_is_not() {
    let mut simulation = Simulation::new(Some(&version(0)), true);
    simulation.remove();
    simulation.wait(400);
    simulation.set(version(0).as_bytes(), Hint::Placed);
    simulation.wait(2_000);
    assert!(simulation.taken.is_empty(), "it holds what it held");
    simulation.remove();
    simulation.wait(501);
    assert_eq!(taken(&simulation), [None]);
    simulation.wait(20_000);
    assert_eq!(simulation.taken.len(), 1, "once");
}

#[test]
fn a_touched_file_is_no_change() {
    let mut simulation = Simulation::new(Some(&version(0)), true);
    simulation.event(Hint::Closed);
    simulation.wait(20_000);
    assert!(simulation.taken.is_empty());
}
