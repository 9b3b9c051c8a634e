//! The configuration file, laid key by key, so that each mistake is known by its place.

use std::{ops::Range, path::Path};

use model::near;
use toml::{
    Spanned, Table, Value,
    de::{DeTable, DeValue},
};

use super::{Key, Layers, Origin, defaults, expected, keys, value_at};
use crate::config::ConfigError;

/// Characters of a value that are shown.
const SHOWN_CHARS_MAX: usize = 60;

/// Lays what `text`, the file at `path`, says over `table`.
///
/// # Errors
/// [`ConfigError::File`] where it is not TOML. Everything else is noted in `layers`.
pub(super) fn lay(
    layers: &mut Layers,
    table: &mut Table,
    path: &Path,
    text: &str,
) -> Result<(), ConfigError> {
    let (said, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let line = |error: &toml::de::Error| {
            let (line, column) = place(text, error.span().map_or(text.len(), |span| span.start));
            format!("  {}:{line}:{column}: {}", path.display(), error.message().trim().replace('\n', ", "))
        };
        let problems = errors.iter().map(line).collect::<Vec<_>>().join("\n");
        return Err(ConfigError::File { problems });
    }
    let defaults = defaults()?;
    let keys = keys(&defaults);
    File { path, text, defaults: &defaults, keys: &keys, layers, table }.section("", said.get_ref());
    Ok(())
}

/// The file on its way.
struct File<'a> {
    path: &'a Path,
    text: &'a str,
    defaults: &'a Table,
    keys: &'a [Key],
    layers: &'a mut Layers,
    table: &'a mut Table,
}

impl File<'_> {
    /// Lays a table, whose keys begin with `prefix`.
    fn section(&mut self, prefix: &str, said: &DeTable<'_>) {
        let mut entries: Vec<_> = said.iter().collect();
        // The parser sorts by key; people read in the order of the file.
        entries.sort_by_key(|(key, _)| key.span().start);
        for (name, value) in entries {
            let key = format!("{prefix}{}", name.get_ref());
            match (value_at(self.defaults, &key), value.get_ref()) {
                (Some(Value::Table(_)), DeValue::Table(inner)) => self.section(&format!("{key}."), inner),
                (Some(Value::Table(_)), _) => {
                    self.wrong(&key, value, format!("is a section: write `[{key}]`, and its keys below it"));
                }
                (Some(like), said) => match plain(said).filter(|plain| plain.same_type(like)) {
                    Some(plain) => {
                        let (text, origin) = (self.shown(value), self.origin(value.span()));
                        self.layers.put(self.table, &key, plain, &text, origin);
                    }
                    None => self.wrong(&key, value, expected(like)),
                },
                (None, _) => {
                    let origin = self.origin(name.span());
                    self.layers.wrong(&key, None, origin, self.stranger(prefix, name.get_ref()));
                }
            }
        }
    }

    fn wrong(&mut self, key: &str, value: &Spanned<DeValue<'_>>, problem: String) {
        let (text, origin) = (self.shown(value), self.origin(value.span()));
        self.layers.wrong(key, Some(&text), origin, problem);
    }

    /// Of a key that there is not: the one that may be meant, of the same section or of another.
    fn stranger(&self, prefix: &str, name: &str) -> String {
        let section = match prefix.strip_suffix('.') {
            Some(section) => value_at(self.defaults, section).and_then(Value::as_table),
            None => Some(self.defaults),
        };
        let here = near(name, section.into_iter().flatten().map(|(key, _)| key.as_str()));
        let elsewhere = || self.keys.iter().find(|key| key.key.ends_with(&format!(".{name}")));
        let meant =
            here.map(|meant| format!("{prefix}{meant}")).or_else(|| elsewhere().map(|key| key.key.clone()));
        let meant = meant.map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
        format!("there is no such key{meant}")
    }

    fn origin(&self, span: Range<usize>) -> Origin {
        let (line, column) = place(self.text, span.start);
        Origin::File { path: self.path.to_owned(), line, column }
    }

    /// A value as it is written, but for the quotes of texts.
    fn shown(&self, value: &Spanned<DeValue<'_>>) -> String {
        let written = self.text.get(value.span()).unwrap_or_default();
        let whole = value.get_ref().as_str().unwrap_or(written);
        let line = whole.lines().next().unwrap_or_default();
        match line.char_indices().nth(SHOWN_CHARS_MAX) {
            Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
            None if line.len() < whole.len() => format!("{line}…"),
            None => line.to_owned(),
        }
    }
}

/// The line and the character of it, both from 1, that the byte at `offset` belongs to.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..text.floor_char_boundary(offset)).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

/// The value without its places; `None` of a number that is too large for TOML.
fn plain(value: &DeValue<'_>) -> Option<Value> {
    Some(match value {
        DeValue::String(text) => Value::String(text.clone().into_owned()),
        DeValue::Boolean(truth) => Value::Boolean(*truth),
        DeValue::Datetime(date) => Value::Datetime(*date),
        DeValue::Float(number) => Value::Float(number.as_str().parse().ok()?),
        DeValue::Integer(number) => {
            Value::Integer(i64::from_str_radix(number.as_str(), number.radix()).ok()?)
        }
        DeValue::Array(items) => {
            Value::Array(items.iter().map(|item| plain(item.get_ref())).collect::<Option<_>>()?)
        }
        DeValue::Table(entries) => {
            let entry = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
                let key: &std::borrow::Cow<'_, str> = key.get_ref();
                Some((key.clone().into_owned(), plain(value.get_ref())?))
            };
            Value::Table(entries.iter().map(entry).collect::<Option<_>>()?)
        }
    })
}
