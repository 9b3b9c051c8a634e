//! Line charts with logarithmic axes, as plain SVG text.

use std::fmt::Write as _;

/// One chart.
pub(super) struct Panel {
    /// What runs along the bottom.
    pub(super) x: &'static str,
    /// What runs up the side.
    pub(super) y: &'static str,
    pub(super) series: Vec<Series>,
}

/// One line.
pub(super) struct Series {
    pub(super) name: &'static str,
    pub(super) points: Vec<(f64, f64)>,
}

/// A panel's size, and the room round its chart for words.
const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 40.0;
/// Told apart without colour by their dashes, too.
const STROKES: [(&str, &str); 3] = [("#0b6bcb", "none"), ("#c2410c", "6 3"), ("#15803d", "2 3")];

/// Panels in rows.
pub(super) fn draw(rows: &[Vec<Panel>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let (width, height) = (WIDTH * columns as f64, HEIGHT * rows.len() as f64);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"11\" fill=\"#333\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    for (row, panels) in rows.iter().enumerate() {
        for (column, panel) in panels.iter().enumerate() {
            let (x, y) = (WIDTH * column as f64, HEIGHT * row as f64);
            let _ = writeln!(text, "<g transform=\"translate({x} {y})\">");
            panel.draw(&mut text);
            text.push_str("</g>\n");
        }
    }
    text + "</svg>\n"
}

impl Panel {
    fn draw(&self, text: &mut String) {
        let points = || self.series.iter().flat_map(|series| series.points.iter().copied());
        let across = Axis::over(points().map(|(x, _)| x), LEFT, WIDTH - RIGHT, false);
        let up = Axis::over(points().map(|(_, y)| y), HEIGHT - BOTTOM, TOP, true);
        for value in up.tens() {
            let at = up.place(value);
            let _ = writeln!(
                text,
                "<line x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#ddd\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 4.0,
                at + 4.0,
                short(value)
            );
        }
        let marks = self.series.first().map(|series| series.points.as_slice()).unwrap_or_default();
        for (value, _) in marks {
            let (at, foot) = (across.place(*value), HEIGHT - BOTTOM);
            let _ = writeln!(
                text,
                "<line x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{foot}\" y2=\"{:.1}\" stroke=\"#333\"/>\
                 <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                foot + 4.0,
                foot + 16.0,
                short(*value)
            );
        }
        let _ = writeln!(
            text,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text><text x=\"6\" y=\"14\">{}</text>",
            (LEFT + WIDTH - RIGHT) / 2.0,
            HEIGHT - 8.0,
            self.x,
            self.y
        );
        for (series, (colour, dashes)) in self.series.iter().zip(STROKES) {
            let line: Vec<String> = series
                .points
                .iter()
                .map(|(x, y)| format!("{:.1},{:.1}", across.place(*x), up.place(*y)))
                .collect();
            let _ = writeln!(
                text,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" stroke-dasharray=\"{dashes}\"/>",
                line.join(" ")
            );
        }
        self.legend(text);
    }

    /// Names, at the right of the heading.
    fn legend(&self, text: &mut String) {
        let mut at = WIDTH - RIGHT;
        for (series, (colour, _)) in self.series.iter().zip(STROKES).rev() {
            let _ = writeln!(
                text,
                "<text x=\"{at:.1}\" y=\"14\" text-anchor=\"end\" fill=\"{colour}\">{}</text>",
                series.name
            );
            at -= 10.0 + 5.5 * series.name.len() as f64;
        }
    }
}

/// Values along a line, each ten times as far as the last.
struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    /// Over all `values`; where `whole`, from one power of ten to another.
    fn over(values: impl Iterator<Item = f64>, from: f64, to: f64, whole: bool) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.map(|value| value.max(f64::MIN_POSITIVE).log10()) {
            (low, high) = (low.min(value), high.max(value));
        }
        if whole {
            (low, high) = (low.floor(), high.ceil());
        }
        Self { low, high: high.max(low + f64::EPSILON), from, to }
    }

    fn place(&self, value: f64) -> f64 {
        let share = (value.max(f64::MIN_POSITIVE).log10() - self.low) / (self.high - self.low);
        self.from + share * (self.to - self.from)
    }

    /// The powers of ten it spans.
    fn tens(&self) -> impl Iterator<Item = f64> {
        (self.low.ceil() as i32..=self.high.floor() as i32).map(|power| 10_f64.powi(power))
    }
}

/// `16k`, `0.1`.
fn short(value: f64) -> String {
    match value {
        _ if value >= 1e6 => format!("{}M", value / 1e6),
        _ if value >= 1e3 => format!("{}k", value / 1e3),
        _ => format!("{value}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_stand_where_their_values_are() {
        let axis = Axis::over([20.0, 900.0].into_iter(), 100.0, 0.0, true);
        assert_eq!(axis.tens().collect::<Vec<_>>(), [10.0, 100.0, 1000.0]);
        assert!((axis.place(100.0) - 50.0).abs() < 1e-9);
        assert_eq!((short(16_000.0), short(0.1)), ("16k".to_owned(), "0.1".to_owned()));
    }

    #[test]
    fn every_line_is_drawn() {
        let line = |name| Series { name, points: vec![(1.0, 10.0), (10.0, 100.0)] };
        let panel = || Panel { x: "x", y: "y", series: vec![line("one"), line("two")] };
        let text = draw(&[vec![panel(), panel()], vec![panel()]]);
        assert_eq!(text.matches("<polyline").count(), 6);
        assert!(text.starts_with("<svg") && text.ends_with("</svg>\n"));
    }
}
