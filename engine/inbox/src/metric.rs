//! The names of what an inbox measures. The one label is `shard`.

/// Entries written into feeds.
pub const INSERTS: &str = "catena_inbox_inserts_total";
/// Posts kept.
pub const ACTIVITIES: &str = "catena_inbox_activities_total";
/// Messages that said nothing a shard knows; each is an error in the log.
pub const REFUSED: &str = "catena_inbox_refused_total";
/// Posts, follows and unfollows that were passed over: they had been there before, or posts had been taken back before they came.
pub const REPEATED: &str = "catena_inbox_repeated_total";
/// The last sequence whose effects are all there.
pub const APPLIED: &str = "catena_inbox_applied_sequence";
/// Messages in the stream that are not applied yet.
pub const LAG: &str = "catena_inbox_lag_messages";
/// One store batch, from snapshot to commit.
pub const APPLY_SECONDS: &str = "catena_inbox_apply_seconds";
/// 1 while this process answers reads of the shard, 0 otherwise.
pub const SERVING: &str = "catena_inbox_serving";
/// Questions to a shard elsewhere that were put again, because nobody answered yet.
pub const ASKED_AGAIN: &str = "catena_inbox_asked_again_total";

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use crate::change::Tally;

pub(crate) fn asked_again(shard: u32) {
    counter!(ASKED_AGAIN, "shard" => shard.to_string()).increment(1);
}

/// One shard's metrics.
pub(crate) struct Meters {
    inserts: Counter,
    activities: Counter,
    refused: Counter,
    repeated: Counter,
    applied: Gauge,
    pub(crate) serving: Gauge,
    pub(crate) lag: Gauge,
    pub(crate) apply: Histogram,
}

impl Meters {
    pub(crate) fn of(shard: u32) -> Self {
        let shard = shard.to_string();
        Self {
            inserts: counter!(INSERTS, "shard" => shard.clone()),
            activities: counter!(ACTIVITIES, "shard" => shard.clone()),
            refused: counter!(REFUSED, "shard" => shard.clone()),
            repeated: counter!(REPEATED, "shard" => shard.clone()),
            applied: gauge!(APPLIED, "shard" => shard.clone()),
            serving: gauge!(SERVING, "shard" => shard.clone()),
            lag: gauge!(LAG, "shard" => shard.clone()),
            apply: histogram!(APPLY_SECONDS, "shard" => shard),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "sequences stay below 2^53")]
    pub(crate) fn note(&self, tally: Tally, applied: u64) {
        self.inserts.increment(tally.inserts);
        self.activities.increment(tally.activities);
        self.refused.increment(tally.refused);
        self.repeated.increment(tally.repeated);
        self.applied.set(applied as f64);
    }
}
