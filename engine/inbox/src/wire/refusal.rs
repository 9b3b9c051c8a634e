//! Errors on their way between processes.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Error, Phase, tables::TABLES};

/// An [`Error`] as it travels: what a shard that was asked may run into by its name, everything else as what it says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "error")]
pub(super) enum Refusal {
    Cursor { given: String },
    NotServing { shard: u32, phase: Phase },
    Stopped { shard: u32, reason: String },
    Gap { shard: u32, applied: u64, first: u64 },
    Ahead { shard: u32, applied: u64, last: u64 },
    Users { shard: u32, found: String, wanted: String },
    Corrupt { table: String },
    Store { reason: String },
    Foreign { reason: String },
}

/// What a store in another process said.
#[derive(Debug, Error)]
#[error("{0}")]
struct Said(String);

impl Refusal {
    pub(super) fn encode(&self) -> Bytes {
        // Texts and numbers into memory: there is nothing to fail.
        serde_json::to_vec(self).unwrap_or_default().into()
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::Cursor { given } => Self::Cursor { given },
            Error::NotServing { shard, phase } => Self::NotServing { shard, phase },
            Error::Stopped { shard, reason } => Self::Stopped { shard, reason },
            Error::Gap { shard, applied, first } => Self::Gap { shard, applied, first },
            Error::Ahead { shard, applied, last } => Self::Ahead { shard, applied, last },
            Error::Users { shard, found, wanted } => Self::Users { shard, found, wanted },
            Error::Corrupt { table } => Self::Corrupt { table: table.to_owned() },
            Error::Store { source } => {
                let cause = std::error::Error::source(&source).map(|cause| format!(": {cause}"));
                Self::Store { reason: format!("{source}{}", cause.unwrap_or_default()) }
            }
            Error::Foreign { reason } => Self::Foreign { reason },
            other => Self::Foreign { reason: crate::shard::report(&other) },
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Cursor { given } => Self::Cursor { given },
            Refusal::NotServing { shard, phase } => Self::NotServing { shard, phase },
            Refusal::Stopped { shard, reason } => Self::Stopped { shard, reason },
            Refusal::Gap { shard, applied, first } => Self::Gap { shard, applied, first },
            Refusal::Ahead { shard, applied, last } => Self::Ahead { shard, applied, last },
            Refusal::Users { shard, found, wanted } => Self::Users { shard, found, wanted },
            Refusal::Corrupt { table } => match TABLES.iter().find(|name| **name == table) {
                Some(table) => Self::Corrupt { table },
                None => Self::Foreign { reason: format!("table `{table}` of an inbox shard cannot be read") },
            },
            // A question only reads.
            Refusal::Store { reason } => {
                Self::Store { source: store::Error::Read { source: Arc::new(Said(reason)) } }
            }
            Refusal::Foreign { reason } => Self::Foreign { reason },
        }
    }
}
