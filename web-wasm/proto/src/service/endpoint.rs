//! What a service says of each of its endpoints.

use alloc::collections::BTreeMap;
use alloc::string::String;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::{self, Error};
use crate::jetstream::wire::{nanos, null_as_default};

/// An endpoint in an INFO document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Info {
    /// The endpoint's name. Others may have the same.
    pub name: String,
    /// What it is subscribed to.
    pub subject: String,
    /// The queue group that it shares its requests with; empty for none.
    #[serde(default)]
    pub queue_group: String,
    /// What its author says of it besides.
    #[serde(default, deserialize_with = "null_as_default")]
    pub metadata: BTreeMap<String, String>,
}

/// An endpoint in a STATS document.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// The endpoint's name.
    pub name: String,
    /// What it is subscribed to.
    pub subject: String,
    /// The queue group that it shares its requests with; empty for none.
    #[serde(default)]
    pub queue_group: String,
    /// How many requests it got.
    #[serde(default, rename = "num_requests")]
    pub requests: u64,
    /// How many errors it answered with; with each request that it refused to handle.
    #[serde(default, rename = "num_errors")]
    pub errors: u64,
    /// The latest of them.
    #[serde(default, with = "error::as_text")]
    pub last_error: Option<Error>,
    /// How long it took over all its requests together.
    #[serde(default, with = "nanos")]
    pub processing_time: Duration,
    /// The same by request; zero when there was none.
    #[serde(default, with = "nanos")]
    pub average_processing_time: Duration,
    /// What the service's author counts besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<serde_json::Value>,
}

/// What an endpoint has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    requests: u64,
    errors: u64,
    last_error: Option<Error>,
    processing_time: Duration,
}

impl Tally {
    pub(super) fn requested(&mut self) {
        self.requests += 1;
    }

    pub(super) fn took(&mut self, time: Duration) {
        self.processing_time = self.processing_time.saturating_add(time);
    }

    pub(super) fn failed(&mut self, error: Error) {
        self.errors += 1;
        self.last_error = Some(error);
    }

    pub(super) fn report(&self, info: &Info) -> Stats {
        let nanoseconds = self.processing_time.as_nanos();
        // Nothing divided by a request is not more than it was.
        let average = nanoseconds.checked_div(self.requests.into()).unwrap_or_default();
        Stats {
            name: info.name.clone(),
            subject: info.subject.clone(),
            queue_group: info.queue_group.clone(),
            requests: self.requests,
            errors: self.errors,
            last_error: self.last_error.clone(),
            processing_time: self.processing_time,
            average_processing_time: Duration::from_nanos(average.try_into().unwrap_or(u64::MAX)),
            data: None,
        }
    }
}
