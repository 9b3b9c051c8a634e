//! Editing a chain file as an operator would, its comments and all.

use std::path::Path;

use anyhow::{Context, Result};
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, Value};

/// A chain file in TOML, and what can be changed about it.
#[derive(Clone, Debug)]
pub struct ChainFile(DocumentMut);

impl ChainFile {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// It cannot be read, or is not TOML.
    pub fn read(path: &Path) -> Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("failed to read `{}`", path.display()))?;
        Self::parse(&text)
    }

    /// Takes the text of a file.
    ///
    /// # Errors
    /// It is not TOML.
    pub fn parse(text: &str) -> Result<Self> {
        Ok(Self(text.parse()?))
    }

    /// Sets one setting of a step.
    ///
    /// # Errors
    /// There is no such step.
    pub fn set(&mut self, step: &str, setting: &str, value: impl Into<Value>) -> Result<()> {
        let settings =
            self.step(step)?.entry("settings").or_insert(Item::Value(Value::InlineTable(Default::default())));
        let settings = settings.as_table_like_mut().context("the settings are no table")?;
        settings.insert(setting, Item::Value(value.into()));
        Ok(())
    }

    /// Sets a key of a step: `uses`, `jumps`, …
    ///
    /// # Errors
    /// There is no such step.
    pub fn set_key(&mut self, step: &str, key: &str, value: impl Into<Value>) -> Result<()> {
        self.step(step)?.insert(key, Item::Value(value.into()));
        Ok(())
    }

    /// Makes two steps change places.
    ///
    /// # Errors
    /// There are no such steps.
    pub fn exchange(&mut self, one: &str, other: &str) -> Result<()> {
        let mut first = self.step(one)?.clone();
        let mut second = self.step(other)?.clone();
        // A table remembers where it stood in the text; the places stay, the contents go.
        let (at_first, at_second) = (first.position(), second.position());
        first.set_position(at_second);
        second.set_position(at_first);
        for table in self.steps()?.iter_mut() {
            match id(table) {
                Some(id) if id == one => *table = second.clone(),
                Some(id) if id == other => *table = first.clone(),
                _ => {}
            }
        }
        Ok(())
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.to_string()
    }

    fn steps(&mut self) -> Result<&mut ArrayOfTables> {
        self.0.get_mut("step").and_then(Item::as_array_of_tables_mut).context("the chain has no steps")
    }

    fn step(&mut self, wanted: &str) -> Result<&mut Table> {
        let found = self.steps()?.iter_mut().find(|table| id(table).as_deref() == Some(wanted));
        found.with_context(|| format!("the chain has no step `{wanted}`"))
    }
}

fn id(step: &Table) -> Option<String> {
    step.get("id")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "# a chain\n[[step]]\nid = \"a\"\nsettings = { x = 1 }\n\n[[step]]\nid = \"b\"\nuses = \"b@1\"\n";

    #[test]
    fn a_file_is_edited_and_its_comments_stay() {
        let mut file = ChainFile::parse(TEXT).unwrap();
        file.set("a", "x", 2).unwrap();
        file.set("b", "y", "z").unwrap();
        file.set_key("b", "uses", "b@2").unwrap();
        let text = file.text();
        assert!(text.starts_with("# a chain\n") && text.contains("{ x = 2 }"), "{text}");
        assert!(text.contains("uses = \"b@2\"") && text.contains("settings = { y = \"z\" }"), "{text}");
        assert!(file.set("c", "x", 1).is_err());
    }

    #[test]
    fn steps_change_places() {
        let mut file = ChainFile::parse(TEXT).unwrap();
        file.exchange("a", "b").unwrap();
        let text = file.text();
        assert!(text.find("\"b\"") < text.find("\"a\""), "{text}");
        file.exchange("a", "b").unwrap();
        assert!(file.text().find("\"a\"") < file.text().find("\"b\""));
    }
}
