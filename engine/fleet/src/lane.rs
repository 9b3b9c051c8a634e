//! One group's place in one partition, as long as this process has it: a lease, a consumer on the server, a task that
//! reads ahead and tells the server how deliveries ended.

pub(crate) mod ack;
pub(crate) mod consumer;
mod meters;
mod open;
mod position;
mod pull;
mod reader;
mod renew;
pub(crate) mod retention;
mod task;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_nats::Subject;
use bus::{Settlement, Stored};
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::{sync::Notify, time::Instant};

use crate::{Connection, Error, Fault, Result, stream::Partition};
pub(crate) use open::{Opening, open};
pub(crate) use position::Note;
use position::Position;
use pull::AHEAD_BYTES_MAX;
pub(crate) use reader::Reader;

/// What the reader, the deliveries that are out and the task have in common.
pub(crate) struct Lane {
    connection: Connection,
    partition: Arc<Partition>,
    group: String,
    state: Mutex<State>,
    /// Something can be fetched, or it is over.
    arrived: Notify,
    /// Something is to be told to the server, or there is room to read ahead.
    woken: Notify,
}

struct State {
    position: Position,
    ahead: BTreeMap<u64, Stored>,
    ahead_bytes: usize,
    /// What is to be told to the server.
    outbox: Vec<(Subject, Bytes)>,
    /// The lease is ours until then, by our own clock.
    until: Instant,
    revision: u64,
    end: Option<End>,
}

/// Why it is over.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    /// The place belongs to another process now, or may.
    Lost,
    /// The bus was closed.
    Closed,
    /// It was given back.
    GivenBack,
}

const ACK: Bytes = Bytes::from_static(b"+ACK");
const NAK: Bytes = Bytes::from_static(b"-NAK");
const PROGRESS: Bytes = Bytes::from_static(b"+WPI");

impl Lane {
    /// Whether this process still has the place, by its own clock.
    fn is_held(&self, state: &State) -> bool {
        let looks = !matches!(
            self.connection.options().fault,
            Some(Fault::NeverRenewNorLook | Fault::TakeOverKeepsConsumer)
        );
        state.end.is_none() && (!looks || Instant::now() < state.until)
    }

    fn check(&self, state: &mut State) -> Result<()> {
        if state.end.is_none() && !self.is_held(state) {
            state.end = Some(End::Lost);
        }
        match &state.end {
            None => Ok(()),
            Some(End::Lost) => Err(Error::Lost {
                stream: self.partition.stream.clone(),
                partition: self.partition.number,
                group: self.group.clone(),
            }),
            Some(End::Closed | End::GivenBack) => {
                Err(Error::Unavailable { reason: "it is closed".to_owned() })
            }
        }
    }

    /// Up to `max` deliveries that are here and have nothing to wait for, with their attempts.
    fn take(&self, max: usize) -> Result<Vec<(Stored, u32)>> {
        let mut state = self.state.lock();
        self.check(&mut state)?;
        let (mut taken, before) = (Vec::new(), state.ahead_bytes);
        while taken.len() < max
            && let Some((sequence, _)) = state.ahead.first_key_value()
            && state.position.is_next(*sequence)
            && let Some((_, stored)) = state.ahead.pop_first()
        {
            state.ahead_bytes = state.ahead_bytes.saturating_sub(stored.message.size_bytes());
            if let Some(attempt) = state.position.hand_out(stored.sequence) {
                taken.push((stored, attempt));
            }
        }
        let half = AHEAD_BYTES_MAX / 2;
        if before > half && state.ahead_bytes <= half {
            self.woken.notify_one();
        }
        Ok(taken)
    }

    /// Ends one delivery. Has no effect once the place is lost.
    fn settle(&self, sequence: u64, attempt: u32, how: Settlement) {
        let mut state = self.state.lock();
        if !self.is_held(&state) {
            return;
        }
        let Some(subject) = state.position.settle(sequence, attempt, how, Instant::now()) else { return };
        let word = match how {
            Settlement::Ack => ACK,
            Settlement::Retry(delay) => nak(delay),
        };
        state.outbox.push((subject, word));
        drop(state);
        self.woken.notify_one();
    }

    fn finish(&self, end: End) {
        self.state.lock().end.get_or_insert(end);
        self.arrived.notify_one();
    }

    fn lag(&self, last: u64) -> Result<u64> {
        let mut state = self.state.lock();
        self.check(&mut state)?;
        Ok(state.position.unsettled(last))
    }
}

/// "Again, not before `delay`". Without one the server does not even set a timer.
fn nak(delay: Duration) -> Bytes {
    let delay = delay.min(Duration::from_secs(365 * 24 * 3600));
    if delay.is_zero() { NAK } else { format!("-NAK {{\"delay\":{}}}", delay.as_nanos()).into() }
}
