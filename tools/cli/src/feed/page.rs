//! Drawing posts: a box each, wrapped to the terminal in any script.

use console::{measure_text_width, style};
use serde_json::Value;

/// Columns of a box at most: longer lines are hard to read.
const WIDTH_MAX: usize = 76;
const WIDTH_MIN: usize = 24;

/// Posts in boxes, as wide as a terminal of `columns` allows.
pub(super) fn render(items: &[Value], columns: usize) -> String {
    let inner = columns.saturating_sub(4).clamp(WIDTH_MIN, WIDTH_MAX);
    items.iter().map(|item| post(item, inner)).collect()
}

fn post(item: &Value, inner: usize) -> String {
    let text = |field: &str| item.get(field).and_then(Value::as_str).map(printable).unwrap_or_default();
    let (name, actor, verb) = (text("name"), text("actor"), text("verb"));
    let who = if name.is_empty() { format!("user {actor}") } else { format!("{name} ({actor})") };
    let did = if matches!(verb.as_str(), "" | "note") { String::new() } else { format!(" {verb}") };
    let when = text("published_at");
    let when = when.get(..16).map_or(when.clone(), |minute| minute.replace('T', " "));
    let mut lines = wrap(&text("text"), inner);
    if !text("object").is_empty() {
        lines.push(text("object"));
    }
    let facts = facts(item);
    let heading = format!(" {who}{did} ");
    let heading = console::truncate_str(&heading, inner, "… ").into_owned();
    let footing =
        format!(" {} ", [when, facts].into_iter().filter(|f| !f.is_empty()).collect::<Vec<_>>().join(" · "));
    let footing = console::truncate_str(&footing, inner, "… ").into_owned();
    let rule = |text: &str| "─".repeat((inner + 1).saturating_sub(measure_text_width(text)));
    let mut drawn = format!("╭─{}{}╮\n", style(&heading).bold(), rule(&heading));
    for line in lines {
        let padding = " ".repeat(inner.saturating_sub(measure_text_width(&line)));
        drawn.push_str(&format!("│ {line}{padding} │\n"));
    }
    drawn.push_str(&format!("╰{}{}─╯\n", rule(&footing), style(&footing).dim()));
    drawn
}

/// What processors found out, in a few words.
fn facts(item: &Value) -> String {
    let language = item.get("language").or_else(|| item.get("lang")).and_then(Value::as_str);
    language.map(printable).unwrap_or_default()
}

/// Somebody else's text on our terminal: no control characters, so no escape sequences.
fn printable(text: &str) -> String {
    // Directional overrides could make the box's border part of the text.
    let harmful = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars()
        .map(|c| {
            if c == '\n' {
                '\n'
            } else if harmful(c) {
                ' '
            } else {
                c
            }
        })
        .collect()
}

/// Breaks at spaces where it can, anywhere where it must: some scripts have no spaces.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            let gap = usize::from(!line.is_empty());
            if measure_text_width(&line) + gap + measure_text_width(word) <= width {
                line.extend(std::iter::repeat_n(' ', gap));
                line.push_str(word);
                continue;
            }
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            for c in word.chars() {
                if measure_text_width(&line) + measure_text_width(c.encode_utf8(&mut [0; 4])) > width {
                    lines.push(std::mem::take(&mut line));
                }
                line.push(c);
            }
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_line_is_as_wide_as_the_box_in_any_script() {
        let items = [
            json!({"actor": "42", "name": "Chiyo", "verb": "note", "published_at": "2026-01-02T03:04:05.678Z",
                   "text": "今朝は駅前の小さなパン屋を楽しみました。今朝は駅前の小さなパン屋を楽しみました。", "language": "jpn"}),
            json!({"actor": "7", "verb": "like", "object": "42-9f86d081884c7d65"}),
            json!({"actor": "8", "text": format!("a very long word: {}\nand \u{1b}[31ma new line", "x".repeat(60))}),
        ];
        let drawn = render(&items, 40);
        assert!(!drawn.contains('\u{1b}'));
        for line in drawn.lines() {
            assert_eq!(measure_text_width(line), 40, "{line}");
        }
        assert!(
            drawn.contains("Chiyo (42)")
                && drawn.contains("user 7 like")
                && drawn.contains("2026-01-02 03:04")
        );
    }
}
