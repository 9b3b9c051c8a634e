//! Recurses without bound on the text `recurse`; passes everything else on.

use catena_sdk::{Failure, Host, Message, NoSettings, Outcome, Processor};

/// See the crate's own words.
#[derive(Debug)]
pub struct Recurse;

impl Processor for Recurse {
    type Settings = NoSettings;

    fn new(_: NoSettings) -> Result<Self, String> {
        Ok(Self)
    }

    fn process(&mut self, message: &Message, _: &mut Host) -> Result<Outcome, Failure> {
        if says(message, "recurse") {
            let depth = descend(0);
            return Err(Failure::reject(format!("came back from depth {depth}")));
        }
        Ok(Outcome::next())
    }
}

fn says(message: &Message, trigger: &str) -> bool {
    message.object().is_ok_and(|post| post.text("text").is_ok_and(|text| text.as_deref() == Some(trigger)))
}

/// Needs its result after the call, so that it cannot become a loop; keeps nothing in linear memory, so that it is
/// the stack of calls that overflows.
fn descend(depth: u64) -> u64 {
    let below = if depth == u64::MAX { 0 } else { descend(depth + 1) };
    std::hint::black_box(below).rotate_left(1) ^ depth
}

catena_sdk::export!(Recurse);

#[cfg(test)]
mod tests {
    use catena_sdk::{
        Verdict,
        testing::{Harness, Sample, json},
    };

    use super::*;

    #[test]
    fn ordinary_messages_pass() {
        let mut harness = Harness::<Recurse>::new(json!({})).unwrap();
        for body in [r#"{"text":"おはよう😋"}"#, "{}", "[1]", "not json"] {
            assert_eq!(harness.run(&Sample::new(body)).unwrap().verdict, Verdict::Next);
        }
    }
}
