//! What every [`Bus`] must do, as async functions that panic when it does not.
//!
//! `bus::conformance!(subject, run)` expands them to tests: `subject()` answers a [`Subject`], `run` drives
//! a future to its end. [`agrees_with_model`] takes the random walks.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here is a test")]

mod around;
mod delivery;
mod keys;
mod log;
mod model;
mod requests;

use std::sync::Arc;

use ::model::{Message, Name};
use async_trait::async_trait;

use crate::{Bus, Delivery, StreamSpec, Subscription};

pub use around::Around;
pub use delivery::*;
pub use keys::agrees_with_the_contract_of_keys;
pub use log::*;
pub use model::{How, PARTITIONS, Step, agrees_with_model};
pub use requests::agrees_with_the_contract_of_requests;

/// One bus under test and the way to close and open it.
#[async_trait]
pub trait Subject: Send + Sync {
    /// Opens it: empty at first, later with what was there when it was closed.
    async fn open(&self) -> Arc<dyn Bus>;

    /// Closes it properly.
    async fn close(&self, bus: Arc<dyn Bus>);
}

/// Expands to one test per rule of the contract.
#[macro_export]
macro_rules! conformance {
    ($subject:expr, $run:expr) => {
        $crate::conformance!(@each $subject, $run;
            sequences_rise_by_one_in_each_partition, what_was_published_is_read_back,
            large_messages_come_a_few_at_a_time_and_all_come, what_is_too_large_is_known_beforehand,
            a_stored_id_is_answered_and_not_stored_again, strangers_and_other_layouts_are_refused,
            publishers_at_once_leave_no_gap, an_append_follows_what_it_names_or_does_nothing,
            what_is_trimmed_is_gone_and_the_sequence_goes_on, a_group_goes_on_behind_what_was_trimmed, the_log_and_its_ids_survive_reopening,
            only_what_every_group_settled_is_removed,
            what_nobody_reads_is_kept_or_let_go_as_the_stream_says, a_forgotten_group_holds_up_nothing_and_begins_anew, a_closed_bus_says_so,
            first_deliveries_come_in_order_and_once, credits_bound_what_is_unsettled,
            what_is_dropped_or_retried_comes_again, a_retry_waits_for_its_delay,
            one_subscription_per_partition_and_group, groups_do_not_see_each_other,
            a_waiting_fetch_is_woken, a_dropped_fetch_loses_nothing, positions_survive_reopening);
    };
    (@each $subject:expr, $run:expr; $($rule:ident),+) => {
        $(
            #[test]
            fn $rule() {
                $run(async { $crate::conformance::$rule(&$subject()).await });
            }
        )+
    };
}

const STREAM: &str = "letters";

fn spec(partitions: u32) -> StreamSpec {
    StreamSpec::new(Name::new(STREAM).unwrap(), partitions)
}

async fn opened(subject: &dyn Subject, spec: &StreamSpec) -> Arc<dyn Bus> {
    let bus = subject.open().await;
    bus.provision(spec).await.unwrap();
    bus
}

fn message(id: &str) -> Message {
    let mut message = Message { id: id.to_owned(), kind: "note".to_owned(), ..Message::default() };
    message.key = "42".to_owned();
    message.headers.set("about", id);
    message.body = format!("{{\"text\":\"{id}\"}}").into();
    message
}

fn messages<'a>(ids: impl IntoIterator<Item = &'a str>) -> Vec<Message> {
    ids.into_iter().map(message).collect()
}

/// Publishes messages `1`, `2`, … up to `count` into partition 0.
async fn publish_numbers(bus: &dyn Bus, count: usize) {
    let ids: Vec<String> = (1..=count).map(|n| n.to_string()).collect();
    bus.publish(STREAM, 0, messages(ids.iter().map(String::as_str))).await.unwrap();
}

/// Fetches until there are `count`: fetching may answer fewer at a time.
async fn fetch(subscription: &mut dyn Subscription, count: usize) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    while deliveries.len() < count {
        deliveries.extend(subscription.fetch(count - deliveries.len()).await.unwrap());
    }
    deliveries
}

fn sequences(deliveries: &[Delivery]) -> Vec<u64> {
    deliveries.iter().map(|delivery| delivery.stored.sequence).collect()
}

/// Sequences with attempts, sorted.
fn attempts(deliveries: &[Delivery]) -> Vec<(u64, u32)> {
    let mut all: Vec<_> = deliveries.iter().map(|d| (d.stored.sequence, d.attempt)).collect();
    all.sort_unstable();
    all
}
