//! The reply subject of a delivery, which says what is delivered and is where its end is told:
//! `$JS.ACK.<stream>.<consumer>.<delivered>.<sequence>.<consumer sequence>.<time>.<pending>`, with domain and account in
//! front of the stream where the server is set so (ADR-15 of NATS).

const TOKENS: usize = 9;
const TOKENS_WITH_DOMAIN: usize = 11;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ack {
    /// How often it was delivered, this time included.
    pub(crate) delivered: u64,
    /// The message's place in the stream.
    pub(crate) sequence: u64,
    /// The delivery's place among all of the consumer.
    pub(crate) consumer_sequence: u64,
    pub(crate) stored_at_ns: u64,
}

pub(crate) fn parse(subject: &str) -> Option<Ack> {
    let rest = subject.strip_prefix("$JS.ACK.")?;
    let count = rest.split('.').count() + 2;
    let skip = match count {
        TOKENS => 2,
        // Later servers may add tokens at the end.
        TOKENS_WITH_DOMAIN.. => 4,
        _ => return None,
    };
    let mut numbers = rest.split('.').skip(skip).map(|token| token.parse::<u64>().ok());
    Some(Ack {
        delivered: numbers.next()??,
        sequence: numbers.next()??,
        consumer_sequence: numbers.next()??,
        stored_at_ns: numbers.next()??,
    })
}

/// Where to tell about a message whose delivery never arrived. The server looks at the sequence, and that the
/// consumer's own is one it has used.
pub(crate) fn of_lost(stream: &str, consumer: &str, sequence: u64, consumer_sequence: u64) -> String {
    format!("$JS.ACK.{stream}.{consumer}.1.{sequence}.{consumer_sequence}.0.0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        let ack = Ack { delivered: 2, sequence: 7, consumer_sequence: 9, stored_at_ns: 1_700 };
        assert_eq!(parse("$JS.ACK.catena-a-0.g-1.2.7.9.1700.3"), Some(ack));
        assert_eq!(parse("$JS.ACK.hub.ACC.catena-a-0.g-1.2.7.9.1700.3"), Some(ack));
        assert_eq!(
            parse(&of_lost("catena-a-0", "g-1", 7, 9)).map(|a| (a.sequence, a.consumer_sequence)),
            Some((7, 9))
        );
        assert_eq!(parse("$JS.API.INFO"), None);
        assert_eq!(parse("$JS.ACK.a.b.c"), None);
    }
}
