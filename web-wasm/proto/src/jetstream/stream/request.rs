//! What is asked of streams, and answered.

use alloc::string::String;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::jetstream::DateTime;
use crate::jetstream::wire::{is_default, nanos, some_time};

/// Asks for a part of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ListRequest {
    /// How many entries to pass over.
    pub offset: u64,
    /// A subject or pattern; only streams are wanted that store some of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

/// Asks what a stream is and has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct InfoRequest {
    /// How many subjects to pass over.
    #[serde(skip_serializing_if = "is_default")]
    pub offset: u64,
    /// Whether the numbers of deleted messages are wanted.
    #[serde(skip_serializing_if = "is_default")]
    pub deleted_details: bool,
    /// The pattern of the subjects whose counts are wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subjects_filter: Option<String>,
}

/// Says which messages of a stream to delete; all where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PurgeRequest {
    /// Those before the message of this number.
    #[serde(rename = "seq", skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// Those of subjects that this pattern matches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// All but so many of the newest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep: Option<u64>,
}

/// How many messages were deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct PurgeResponse {
    /// Whether the server did it.
    #[serde(default)]
    pub success: bool,
    /// How many messages it deleted.
    pub purged: u64,
}

/// Whether a consumer delivers nothing at present because it was told so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct PauseResponse {
    /// Whether that is so.
    #[serde(default)]
    pub paused: bool,
    /// Until when; `None` where it is not paused.
    #[serde(default, deserialize_with = "some_time")]
    pub pause_until: Option<DateTime>,
    /// How much longer.
    #[serde(default, deserialize_with = "nanos::some")]
    pub pause_remaining: Option<Duration>,
}
