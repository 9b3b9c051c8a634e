//! Records: the changes of a commit, cut into messages that every bus takes.
//!
//! A record is the body of a message of kind `rows` (or `snapshot`, which only marks where one begins and is empty): one
//! change after the other, each a table (u8, its place in [`KEPT`]), the length of the key (u16), the key, and either
//! 0 for a removal or 1, the length of the value (u32) and the value. Integers are big-endian.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use model::Message;
use store::{Batch, Op};

use super::KEPT;
use crate::{Error, Result};

const ROWS: &str = "rows";
const SNAPSHOT: &str = "snapshot";
/// A record is closed once it has grown to this.
const BYTES_MAX: usize = 256 << 10;
/// Records of a commit that are appended together, which is as many as a bus takes: whoever reads the log finds a commit whole or
/// not at all. Most have one.
pub(super) const COMMIT_MAX: usize = bus::APPEND_MESSAGES_MAX;
/// Records of a snapshot that are appended together, a few megabytes. It says nothing new, so its parts may stand alone.
pub(super) const SNAPSHOT_MAX: usize = 16;

/// Marks the beginning of a snapshot.
pub(super) fn beginning() -> Message {
    message(SNAPSHOT, Bytes::new())
}

/// The records of `batch`, in groups of `group_max` at most, to append one after the other. Changes that no changelog keeps are left
/// out.
pub(super) fn appends(batch: &Batch, group_max: usize) -> Vec<Vec<Message>> {
    let (mut records, mut open) = (Vec::new(), BytesMut::new());
    for op in batch.ops() {
        let Some(table) = KEPT.iter().position(|kept| *kept == op.table()) else { continue };
        open.put_u8(u8::try_from(table).unwrap_or(u8::MAX));
        open.put_u16(u16::try_from(op.key().len()).unwrap_or(u16::MAX));
        open.put_slice(op.key());
        match op {
            Op::Delete { .. } => open.put_u8(0),
            Op::Put { value, .. } => {
                open.put_u8(1);
                open.put_u32(u32::try_from(value.len()).unwrap_or(u32::MAX));
                open.put_slice(value);
            }
        }
        if open.len() >= BYTES_MAX {
            records.push(message(ROWS, open.split().freeze()));
        }
    }
    if !open.is_empty() {
        records.push(message(ROWS, open.freeze()));
    }
    let mut groups = Vec::new();
    let mut records = records.into_iter().peekable();
    while records.peek().is_some() {
        groups.push(records.by_ref().take(group_max).collect());
    }
    groups
}

/// Adds the changes of a record to `batch`.
pub(super) fn decode(record: &Message, batch: &mut Batch) -> Result<()> {
    let read = match record.kind.as_str() {
        SNAPSHOT => Some(()),
        ROWS => changes(record.body.clone(), batch),
        _ => None,
    };
    read.ok_or_else(|| Error::Malformed {
        what: "a record of a changelog",
        reason: format!("{} bytes of kind `{}` that are none", record.body.len(), record.kind),
    })
}

fn changes(mut body: Bytes, batch: &mut Batch) -> Option<()> {
    while body.has_remaining() {
        let table = *KEPT.get(usize::from(body.try_get_u8().ok()?))?;
        let key = take(&mut body, |body| body.try_get_u16().ok().map(usize::from))?;
        match body.try_get_u8().ok()? {
            0 => batch.delete(table, &key),
            1 => {
                let value = take(&mut body, |body| usize::try_from(body.try_get_u32().ok()?).ok())?;
                batch.put_bytes(table, &key, value);
            }
            _ => return None,
        }
    }
    Some(())
}

/// Takes as many bytes off the front as stands before them.
fn take(body: &mut Bytes, length: impl FnOnce(&mut Bytes) -> Option<usize>) -> Option<Bytes> {
    let length = length(body)?;
    (length <= body.len()).then(|| body.split_to(length))
}

fn message(kind: &str, body: Bytes) -> Message {
    Message { kind: kind.to_owned(), body, ..Message::default() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Table, key, and the new value if there is one.
    type Change = (&'static str, Vec<u8>, Option<Vec<u8>>);

    /// Every change, in order.
    fn shown(batch: &Batch) -> Vec<Change> {
        let change = |op: Op<'_>| match op {
            Op::Put { table, key, value } => (table, key.to_vec(), Some(value.to_vec())),
            Op::Delete { table, key } => (table, key.to_vec(), None),
        };
        batch.ops().map(change).collect()
    }

    fn value() -> impl Strategy<Value = Option<Vec<u8>>> {
        prop_oneof![
            Just(None),
            prop::collection::vec(any::<u8>(), 0..40).prop_map(Some),
            (0_usize..BYTES_MAX).prop_map(|length| Some(vec![7; length])),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn changes_survive_being_cut_into_records(
            changes in prop::collection::vec((0..KEPT.len(), prop::collection::vec(any::<u8>(), 1..500), value()), 0..40)
        ) {
            let mut batch = Batch::new();
            for (table, key, value) in changes {
                match value {
                    Some(value) => batch.put(KEPT[table], &key, &value),
                    None => batch.delete(KEPT[table], &key),
                }
            }
            let mut read = Batch::new();
            for record in appends(&batch, 3).iter().flatten() {
                prop_assert!(record.body.len() < 2 * BYTES_MAX + 1024);
                decode(record, &mut read).unwrap();
            }
            prop_assert_eq!(shown(&read), shown(&batch));
        }

        #[test]
        fn garbage_is_refused_not_panicked_on(body in prop::collection::vec(0..4_u8, 0..60)) {
            let _ = decode(&message(ROWS, body.into()), &mut Batch::new());
        }
    }
}
