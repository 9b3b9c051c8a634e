//! Takes memory without bound on the text `hog`; passes everything else on.

use catena_sdk::{Failure, Host, Message, NoSettings, Outcome, Processor};

/// See the crate's own words.
#[derive(Debug)]
pub struct Hog;

impl Processor for Hog {
    type Settings = NoSettings;

    fn new(_: NoSettings) -> Result<Self, String> {
        Ok(Self)
    }

    fn process(&mut self, message: &Message, _: &mut Host) -> Result<Outcome, Failure> {
        if says(message, "hog") {
            let mut kept = Vec::new();
            loop {
                // Written to, so that it is memory and not only address space.
                kept.push(std::hint::black_box(vec![1_u8; PIECE_BYTES]));
            }
        }
        Ok(Outcome::next())
    }
}

fn says(message: &Message, trigger: &str) -> bool {
    message.object().is_ok_and(|post| post.text("text").is_ok_and(|text| text.as_deref() == Some(trigger)))
}

/// Taken at a time.
const PIECE_BYTES: usize = 1 << 20;

catena_sdk::export!(Hog);

#[cfg(test)]
mod tests {
    use catena_sdk::{
        Verdict,
        testing::{Harness, Sample, json},
    };

    use super::*;

    #[test]
    fn ordinary_messages_pass() {
        let mut harness = Harness::<Hog>::new(json!({})).unwrap();
        for body in [r#"{"text":"おはよう😋"}"#, "{}", "[1]", "not json"] {
            assert_eq!(harness.run(&Sample::new(body)).unwrap().verdict, Verdict::Next);
        }
    }
}
