//! Outputs that lead where nobody reads: most often a name misspelt. Such a chain runs, so these are warnings.

use model::{Name, near};

use crate::{Code, Definition, Faults, Source, Spanned, definition::Output, faults::Mistakes};

impl Definition {
    /// Warns of every output whose stream is none of `read`, the streams that somebody reads as far as the caller knows; `None`
    /// where there is nothing to say. `source` is what the definition was parsed from.
    ///
    /// An output that the file declares under `[outputs]` is meant to be looked at by somebody else, and is only mentioned where its
    /// stream is called almost like one that is read.
    #[must_use]
    pub fn unread_outputs(&self, source: &Source, read: &[&str]) -> Option<Faults> {
        let mut mistakes = Mistakes::default();
        // Back into its own input is no way that a chain may take.
        let meant = |stream: &str| {
            let others = read.iter().copied().filter(|other| *other != self.chain.input.as_str());
            if read.contains(&stream) { None } else { near(stream, others) }
        };
        for Output { name, stream } in &self.outputs {
            let place = if stream.is_written() { stream } else { name };
            if let Some(meant) = meant(stream) {
                warn(place, stream, format!("did you mean `{meant}`?"), &mut mistakes);
            }
        }
        let own = &self.chain.output;
        if !self.outputs.iter().any(|output| output.name.value == own.value) && !read.contains(&own.as_str())
        {
            let hint = match meant(own) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("where others are to look at it, declare it: `[outputs.{}]`", own.value),
            };
            warn(own, own, hint, &mut mistakes);
        }
        mistakes.into_result(source).err()
    }
}

fn warn(place: &Spanned<Name>, stream: &Name, hint: String, mistakes: &mut Mistakes) {
    let message = format!("no chain and no part of the node reads the stream `{stream}`");
    mistakes.add_with_hint(Code::UnreadOutput, place.span, message, hint);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Format;

    const READ: [&str; 3] = ["posts", "inbox", "dead-letters"];

    fn warnings(output: &str, outputs: &str) -> Vec<String> {
        let text = format!(
            "[chain]\nid = \"a\"\ninput = \"posts\"\noutput = \"{output}\"\n{outputs}\n[[step]]\nid = \"s\"\nuses = \"s@^1\"\n"
        );
        let source = Source { name: "a.toml".into(), format: Format::Toml, text: text.into() };
        let warnings = crate::parse(&source).unwrap().unread_outputs(&source, &READ);
        warnings.map(|found| found.to_string().lines().map(str::to_owned).collect()).unwrap_or_default()
    }

    #[test]
    fn what_is_read_or_declared_is_fine() {
        assert!(warnings("inbox", "").is_empty());
        assert!(warnings("inbox", "[outputs.quarantine]\n[outputs.audit]").is_empty());
        assert!(warnings("archive", "[outputs.archive]").is_empty());
        assert!(warnings("home", "[outputs.home]\nstream = \"inbox\"").is_empty());
    }

    #[test]
    fn a_misspelt_stream_is_told_wherever_it_stands() {
        let said = "no chain and no part of the node reads the stream `inbxo` [chain::unread-output]; did you mean `inbox`?";
        assert_eq!(warnings("inbxo", ""), [format!("a.toml:4:10: {said}")]);
        assert_eq!(warnings("inbxo", "[outputs.inbxo]"), [format!("a.toml:5:10: {said}")]);
        assert_eq!(warnings("home", "[outputs.home]\nstream = \"inbxo\""), [format!("a.toml:6:10: {said}")]);
    }

    #[test]
    fn nobody_is_told_to_lead_a_chain_back_into_its_input() {
        assert!(warnings("inbox", "[outputs.post]").is_empty());
    }

    #[test]
    fn an_end_that_nobody_reads_is_told_with_how_to_say_that_it_is_meant() {
        assert_eq!(
            warnings("archive", ""),
            [
                "a.toml:4:10: no chain and no part of the node reads the stream `archive` [chain::unread-output]; \
              where others are to look at it, declare it: `[outputs.archive]`"
            ]
        );
    }
}
