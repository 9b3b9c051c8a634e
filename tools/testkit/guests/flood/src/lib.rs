//! Calls the host without end on the texts `flood log`, `flood emit` (to the output `audit`) and `flood state`; passes
//! everything else on.

use catena_sdk::{Emission, Failure, Host, Message, NoSettings, Outcome, Processor};

/// See the crate's own words.
#[derive(Debug)]
pub struct Flood;

impl Processor for Flood {
    type Settings = NoSettings;

    fn new(_: NoSettings) -> Result<Self, String> {
        Ok(Self)
    }

    fn process(&mut self, message: &Message, host: &mut Host) -> Result<Outcome, Failure> {
        let [log, emit, state] = ["flood log", "flood emit", "flood state"].map(|text| says(message, text));
        if !(log || emit || state) {
            return Ok(Outcome::next());
        }
        let line = "x".repeat(LINE_BYTES);
        for call in 0_u64.. {
            if log {
                host.info(&line);
            }
            if emit {
                // A host that refuses is asked again.
                let _ = host.emit("audit", Emission::new("flood").with_body(line.as_bytes()));
            }
            if state {
                host.set_state(&call.to_string(), line.as_bytes());
            }
        }
        Ok(Outcome::term("came to an end"))
    }
}

fn says(message: &Message, trigger: &str) -> bool {
    message.object().is_ok_and(|post| post.text("text").is_ok_and(|text| text.as_deref() == Some(trigger)))
}

/// Handed to the host at a time.
const LINE_BYTES: usize = 1 << 10;

catena_sdk::export!(Flood);

#[cfg(test)]
mod tests {
    use catena_sdk::{
        Verdict,
        testing::{Harness, Sample, json},
    };

    use super::*;

    #[test]
    fn ordinary_messages_pass() {
        let mut harness = Harness::<Flood>::new(json!({})).unwrap();
        for body in [r#"{"text":"おはよう😋"}"#, "{}", "[1]", "not json"] {
            assert_eq!(harness.run(&Sample::new(body)).unwrap().verdict, Verdict::Next);
        }
    }
}
