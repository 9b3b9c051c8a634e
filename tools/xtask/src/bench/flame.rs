//! Where the time goes: `perf` looks at the stack many times a second, and how often a function was on it is how wide it is
//! drawn. Titles of the boxes tell the rest; it needs nothing but a browser.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::tool::{command, output, target, works};

/// Looks a second: no round number, which could beat in time with what is looked at.
const LOOKS: &str = "499";
/// Bytes of stack copied each time, from which the callers are found: the release profile keeps no frame pointers.
const STACK: &str = "dwarf,16384";
const WIDTH: f64 = 1_600.0;
const LINE: f64 = 17.0;
/// Narrower boxes are left out.
const WIDTH_MIN: f64 = 0.4;

fn folder() -> PathBuf {
    target().join("bench")
}

/// `program`, watched by `perf`.
pub(super) fn recorded(program: &Path) -> Result<Command> {
    if !works(command("perf").arg("version")) {
        bail!("`perf` is not there: `apt install linux-perf`, or leave out `--flame`");
    }
    std::fs::create_dir_all(folder())?;
    let mut perf = command("perf");
    perf.args(["record", "--quiet", "-e", "cpu-clock:u", "-F", LOOKS, "--call-graph", STACK, "-o"]);
    perf.arg(folder().join("perf.data")).arg("--").arg(program);
    Ok(perf)
}

/// Draws what was recorded into target/bench/flame.svg.
pub(super) fn draw() -> Result<()> {
    let script = output(
        command("perf")
            .args(["script", "--no-inline", "-F", "comm,ip,sym", "-i"])
            .arg(folder().join("perf.data")),
    )?;
    let mut root = Frame::default();
    for sample in script.split("\n\n") {
        root.add(&stack(sample));
    }
    let path = folder().join("flame.svg");
    std::fs::write(&path, root.svg()).with_context(|| format!("failed to write `{}`", path.display()))?;
    eprintln!("xtask: see {}", path.display());
    Ok(())
}

/// The functions of one look, the outermost first: a line with the thread's name, then one a frame, the innermost first.
fn stack(sample: &str) -> Vec<&str> {
    let mut lines = sample.lines().filter(|line| !line.trim().is_empty());
    let Some(thread) = lines.next() else { return Vec::new() };
    let frames = lines.map(|line| line.trim().split_once(' ').map_or("?", |(_, symbol)| symbol.trim()));
    let mut stack: Vec<_> = frames.collect();
    stack.push(thread.trim().trim_end_matches(':'));
    stack.reverse();
    stack
}

/// A function under its callers.
#[derive(Default)]
struct Frame {
    looks: u32,
    callees: BTreeMap<String, Frame>,
}

impl Frame {
    fn add(&mut self, stack: &[&str]) {
        if let Some((first, rest)) = stack.split_first() {
            self.looks += 1;
            let callee = self.callees.entry((*first).to_owned()).or_default();
            callee.add(rest);
            if rest.is_empty() {
                callee.looks += 1;
            }
        }
    }

    fn depth(&self) -> u32 {
        1 + self.callees.values().map(Frame::depth).max().unwrap_or(0)
    }

    fn svg(&self) -> String {
        let height = f64::from(self.depth()) * LINE;
        let mut text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"monospace\" font-size=\"11\">\n"
        );
        self.draw(&mut text, f64::from(self.looks.max(1)), 0.0, height - LINE);
        text + "</svg>\n"
    }

    /// The callees from `x` on, side by side, and theirs above them.
    fn draw(&self, text: &mut String, all: f64, x: f64, y: f64) {
        let mut x = x;
        for (name, frame) in &self.callees {
            let width = f64::from(frame.looks) / all * WIDTH;
            if width >= WIDTH_MIN {
                let name = name.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
                // The same function has the same colour everywhere.
                let hue = name.bytes().fold(7_u32, |hue, byte| (hue * 31 + u32::from(byte)) % 60);
                let room = (width / 6.8) as usize;
                let shown: String = if room > 3 { name.chars().take(room).collect() } else { String::new() };
                let _ = writeln!(
                    text,
                    "<g><title>{name}: {:.1} %</title><rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" \
                     height=\"{:.1}\" fill=\"hsl({hue} 80% 70%)\" stroke=\"#fff\"/><text x=\"{:.1}\" y=\"{:.1}\">{}</text></g>",
                    f64::from(frame.looks) / all * 100.0,
                    LINE - 1.0,
                    x + 2.0,
                    y + 12.0,
                    broken_off(&shown)
                );
                frame.draw(text, all, x, y - LINE);
            }
            x += width;
        }
    }
}

/// Without a character reference that was cut in two.
fn broken_off(text: &str) -> &str {
    match text.rfind('&') {
        Some(at) if !text.get(at..).is_some_and(|rest| rest.contains(';')) => {
            text.get(..at).unwrap_or_default()
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_add_up_under_their_callers() {
        let one = "bench \n\t 7f01 inner<T>\n\t 7f02 outer\n";
        assert_eq!(stack(one), ["bench", "outer", "inner<T>"]);
        let mut root = Frame::default();
        for _ in 0..3 {
            root.add(&stack(one));
        }
        root.add(&stack("bench \n\t 7f02 outer\n"));
        let outer = &root.callees["bench"].callees["outer"];
        assert_eq!((root.looks, outer.looks, outer.callees["inner<T>"].looks), (4, 4, 3));
        assert!(root.svg().contains("inner&lt;T&gt;: 75.0 %"));
        assert_eq!(broken_off("a&lt;b&g"), "a&lt;b");
    }
}
