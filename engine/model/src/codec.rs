//! The stored form of a message: a version byte, then each text as `u32` length and bytes, all
//! little-endian. Self-delimiting, no schema, decoded without copying the body.

use bytes::{Buf, BufMut, Bytes};
use thiserror::Error;

use crate::{Headers, Message};

const VERSION: u8 = 1;

/// A stored message could not be read back.
#[derive(Debug, Error)]
#[error("failed to decode a stored message: {0}")]
pub struct Malformed(&'static str);

impl Message {
    /// Appends the stored form to `out`.
    pub fn encode_into(&self, out: &mut impl BufMut) {
        out.put_u8(VERSION);
        for text in [&self.id, &self.kind, &self.key] {
            put(out, text.as_bytes());
        }
        out.put_u32_le(len32(self.headers.0.len()));
        for (name, value) in &self.headers.0 {
            put(out, name.as_bytes());
            put(out, value.as_bytes());
        }
        put(out, &self.body);
    }

    /// Reads the stored form; `body` is a slice of `bytes`.
    ///
    /// # Errors
    /// [`Malformed`] when the bytes were not written by [`encode_into`](Self::encode_into).
    pub fn decode(mut bytes: Bytes) -> Result<Self, Malformed> {
        if !bytes.has_remaining() || bytes.get_u8() != VERSION {
            return Err(Malformed("unknown version"));
        }
        let id = take_text(&mut bytes)?;
        let kind = take_text(&mut bytes)?;
        let key = take_text(&mut bytes)?;
        let count = take_u32(&mut bytes)?;
        let mut headers = Vec::with_capacity(count.min(64));
        for _ in 0..count {
            headers.push((take_text(&mut bytes)?, take_text(&mut bytes)?));
        }
        let body = take(&mut bytes)?;
        if bytes.has_remaining() {
            return Err(Malformed("bytes after the end"));
        }
        Ok(Self { id, kind, key, headers: Headers(headers), body })
    }
}

fn len32(len: usize) -> u32 {
    // Bodies are at most 1 MiB where they enter; saturating keeps the codec total.
    u32::try_from(len).unwrap_or(u32::MAX)
}

fn put(out: &mut impl BufMut, bytes: &[u8]) {
    out.put_u32_le(len32(bytes.len()));
    out.put_slice(bytes);
}

fn take_u32(bytes: &mut Bytes) -> Result<usize, Malformed> {
    let n = bytes.try_get_u32_le().map_err(|_| Malformed("cut short"))?;
    Ok(n as usize)
}

fn take(bytes: &mut Bytes) -> Result<Bytes, Malformed> {
    let len = take_u32(bytes)?;
    if bytes.remaining() < len {
        return Err(Malformed("cut short"));
    }
    Ok(bytes.split_to(len))
}

fn take_text(bytes: &mut Bytes) -> Result<String, Malformed> {
    let raw = take(bytes)?;
    String::from_utf8(raw.into()).map_err(|_| Malformed("text is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(message: &Message) -> Bytes {
        let mut out = Vec::new();
        message.encode_into(&mut out);
        out.into()
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes_to_the_same(
            id in ".{0,20}", kind in ".{0,8}", key in ".{0,8}",
            headers in prop::collection::vec((".{0,8}", ".{0,8}"), 0..4),
            body in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let message = Message { id, kind, key, headers: Headers(headers), body: body.into() };
            prop_assert_eq!(Message::decode(encoded(&message)).unwrap(), message);
        }

        #[test]
        fn a_cut_or_random_input_is_refused_not_panicked_on(
            bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0usize..100,
        ) {
            let _ = Message::decode(bytes.into());
            let whole = encoded(&Message { id: "a".into(), body: vec![7; 50].into(), ..Message::default() });
            if cut < whole.len() {
                prop_assert!(Message::decode(whole.slice(..cut)).is_err());
            }
        }
    }
}
