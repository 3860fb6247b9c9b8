//! What a consumer's configuration chooses between.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::jetstream::DateTime;

/// Which message of the stream is the first that a consumer delivers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "DeliverFields", into = "DeliverFields")]
#[non_exhaustive]
pub enum DeliverPolicy {
    /// The first that there is.
    #[default]
    All,
    /// The last that there is.
    Last,
    /// The first that is stored after the consumer was made.
    New,
    /// The first of at least this number.
    ByStartSequence {
        /// The number in the stream.
        start_sequence: u64,
    },
    /// The first stored at this moment or later.
    ByStartTime {
        /// The moment.
        start_time: DateTime,
    },
    /// The last of each subject, then all that follow.
    LastPerSubject,
}

/// The fields that say a [`DeliverPolicy`] in a configuration.
///
/// They are a struct, and not the enum itself, because only a struct that is flattened takes its
/// fields out of those that are left over as unknown.
#[derive(Serialize, Deserialize)]
struct DeliverFields {
    #[serde(default)]
    deliver_policy: DeliverTag,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    opt_start_seq: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    opt_start_time: Option<DateTime>,
}

#[derive(Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DeliverTag {
    #[default]
    All,
    Last,
    New,
    ByStartSequence,
    ByStartTime,
    LastPerSubject,
}

impl TryFrom<DeliverFields> for DeliverPolicy {
    type Error = String;

    fn try_from(fields: DeliverFields) -> Result<Self, String> {
        let missing = |field| alloc::format!("the deliver policy lacks {field}");
        Ok(match fields.deliver_policy {
            DeliverTag::All => Self::All,
            DeliverTag::Last => Self::Last,
            DeliverTag::New => Self::New,
            DeliverTag::LastPerSubject => Self::LastPerSubject,
            DeliverTag::ByStartSequence => {
                let start_sequence = fields.opt_start_seq;
                let start_sequence = start_sequence.ok_or_else(|| missing("opt_start_seq"))?;
                Self::ByStartSequence { start_sequence }
            }
            DeliverTag::ByStartTime => {
                let start_time = fields.opt_start_time;
                let start_time = start_time.ok_or_else(|| missing("opt_start_time"))?;
                Self::ByStartTime { start_time }
            }
        })
    }
}

impl From<DeliverPolicy> for DeliverFields {
    fn from(policy: DeliverPolicy) -> Self {
        let (deliver_policy, opt_start_seq, opt_start_time) = match policy {
            DeliverPolicy::All => (DeliverTag::All, None, None),
            DeliverPolicy::Last => (DeliverTag::Last, None, None),
            DeliverPolicy::New => (DeliverTag::New, None, None),
            DeliverPolicy::LastPerSubject => (DeliverTag::LastPerSubject, None, None),
            DeliverPolicy::ByStartSequence { start_sequence } => {
                (DeliverTag::ByStartSequence, Some(start_sequence), None)
            }
            DeliverPolicy::ByStartTime { start_time } => {
                (DeliverTag::ByStartTime, None, Some(start_time))
            }
        };
        Self { deliver_policy, opt_start_seq, opt_start_time }
    }
}

/// Which messages of a consumer must be acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AckPolicy {
    /// Each one.
    #[default]
    Explicit,
    /// None: a message counts as dealt with when it was sent.
    None,
    /// Any: acknowledging one acknowledges all before it.
    All,
    /// Those for which flow control asks, as streams do that copy others. From nats-server 2.14.
    FlowControl,
}

/// How fast a consumer delivers messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ReplayPolicy {
    /// As fast as they are taken.
    #[default]
    Instant,
    /// At the pace at which they were stored.
    Original,
}

/// How the clients that pull from a consumer are preferred to each other. Source: ADR-42.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PriorityPolicy {
    /// None is preferred.
    #[default]
    None,
    /// A client gets messages only once so many are pending, or so many unacknowledged, as its
    /// requests say.
    Overflow,
    /// One client gets all messages while it is there.
    PinnedClient,
    /// Requests are served in the order of the priority they name. From nats-server 2.12.
    Prioritized,
}
