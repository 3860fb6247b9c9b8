//! What a consumer is to deliver, and how.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::{AckPolicy, DeliverPolicy, PriorityPolicy, ReplayPolicy};
use crate::jetstream::wire::{is_default, nanos, null_as_default, sample_frequency};
use crate::jetstream::{DateTime, UnknownFields};

/// The configuration of a consumer, of whichever kind.
///
/// What is left at its default is left to the server, which writes what it chose into the
/// consumer's [`Info`](super::Info). Source: ADR-20 and nats-server's `ConsumerConfig`.
///
/// ```
/// use nats_proto::jetstream::consumer::{Config, DeliverPolicy};
///
/// let config = Config {
///     durable_name: Some("worker".into()),
///     deliver_policy: DeliverPolicy::New,
///     filter_subject: "orders.*.placed".into(),
///     ..Config::default()
/// };
/// # let _ = config;
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// The name of a consumer that outlives those who use it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub durable_name: Option<String>,
    /// The consumer's name; the same as `durable_name` where that is there. The server makes one
    /// up for a consumer that has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What the consumer is for, in at most 4 kB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where a push consumer publishes messages; a pull consumer has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deliver_subject: Option<String>,
    /// The queue group that shares a push consumer's messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deliver_group: Option<String>,
    /// Which message is the first.
    #[serde(flatten)]
    pub deliver_policy: DeliverPolicy,
    /// Which messages must be acknowledged.
    pub ack_policy: AckPolicy,
    /// How long the server waits for an acknowledgement before it delivers a message again.
    #[serde(with = "nanos", skip_serializing_if = "is_default")]
    pub ack_wait: Duration,
    /// How often a message is delivered at most; -1 for no limit.
    #[serde(skip_serializing_if = "is_default")]
    pub max_deliver: i64,
    /// How long the server waits before the second delivery, the third and so on, instead of
    /// `ack_wait`. The last holds for all that follow.
    #[serde(with = "nanos::list", skip_serializing_if = "Vec::is_empty")]
    pub backoff: Vec<Duration>,
    /// The pattern of the subjects to deliver; empty for all of the stream's.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub filter_subject: String,
    /// Patterns of the subjects to deliver, which don't overlap, in the place of
    /// `filter_subject`.
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub filter_subjects: Vec<String>,
    /// How fast messages are delivered.
    pub replay_policy: ReplayPolicy,
    /// How many bits a second a push consumer delivers at most; 0 for no limit.
    #[serde(rename = "rate_limit_bps", skip_serializing_if = "is_default")]
    pub rate_limit: u64,
    /// Of how many acknowledgements in a hundred the server publishes an advisory.
    #[serde(rename = "sample_freq", with = "sample_frequency", skip_serializing_if = "is_default")]
    pub sample_frequency: u8,
    /// How many pull requests may wait at a time.
    #[serde(skip_serializing_if = "is_default")]
    pub max_waiting: i64,
    /// How many messages may wait for their acknowledgement at a time; -1 for no limit.
    #[serde(skip_serializing_if = "is_default")]
    pub max_ack_pending: i64,
    /// Whether only headers are delivered. The header `Nats-Msg-Size` tells the payload's length.
    #[serde(skip_serializing_if = "is_default")]
    pub headers_only: bool,
    /// Whether a push consumer asks its subscriber from time to time to confirm that it keeps up.
    #[serde(skip_serializing_if = "is_default")]
    pub flow_control: bool,
    /// How long a push consumer is silent at most before it sends a heartbeat; zero for none.
    #[serde(with = "nanos", skip_serializing_if = "is_default")]
    pub idle_heartbeat: Duration,
    /// How many messages one pull request may ask for; 0 for no limit.
    #[serde(skip_serializing_if = "is_default")]
    pub max_batch: i64,
    /// How many bytes one pull request may ask for; 0 for no limit.
    #[serde(skip_serializing_if = "is_default")]
    pub max_bytes: i64,
    /// How long one pull request may wait; zero for no limit.
    #[serde(with = "nanos", skip_serializing_if = "is_default")]
    pub max_expires: Duration,
    /// How long nobody may use the consumer before the server deletes it; zero for 5 s, and for
    /// ever where it is durable.
    #[serde(with = "nanos", skip_serializing_if = "is_default")]
    pub inactive_threshold: Duration,
    /// How many servers keep the consumer's state; 0 for as many as keep the stream.
    pub num_replicas: usize,
    /// Whether the consumer's state is kept in memory whatever the stream is kept in.
    #[serde(rename = "mem_storage", skip_serializing_if = "is_default")]
    pub memory_storage: bool,
    /// Whatever else the application wants to remember. Keys beginning with `_nats` are the
    /// server's.
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// Until when the consumer delivers nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause_until: Option<DateTime>,
    /// How the clients of a priority group are preferred to each other.
    #[serde(skip_serializing_if = "is_default")]
    pub priority_policy: PriorityPolicy,
    /// The priority groups, of which a pull request names one.
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub priority_groups: Vec<String>,
    /// How long a pinned client may be silent before another takes its place.
    #[serde(with = "nanos", skip_serializing_if = "is_default")]
    pub priority_timeout: Duration,
    /// The fields that this version does not know.
    #[serde(flatten)]
    pub unknown: UnknownFields,
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn a_default_is_left_to_the_server() {
        let written = serde_json::to_string(&Config::default()).unwrap();
        let expected = r#"{"deliver_policy":"all","ack_policy":"explicit","replay_policy":"instant","num_replicas":0}"#;
        assert_eq!(written, expected);
    }

    #[test]
    fn every_field_survives_a_round_trip_and_so_does_an_unknown_one() {
        let text = r#"{
            "durable_name": "worker", "name": "worker", "description": "d",
            "deliver_subject": "to.me", "deliver_group": "g",
            "deliver_policy": "by_start_time", "opt_start_time": "2026-11-25T15:24:51.5Z",
            "ack_policy": "all", "ack_wait": 30000000000, "max_deliver": -1,
            "backoff": [1000000000, 2000000000], "filter_subject": "a.>",
            "filter_subjects": ["a", "b"], "replay_policy": "original",
            "rate_limit_bps": 18446744073709551615, "sample_freq": "30%", "max_waiting": 512,
            "max_ack_pending": 1000, "headers_only": true, "flow_control": true,
            "idle_heartbeat": 5000000000, "max_batch": 10, "max_bytes": 11,
            "max_expires": 12000000000, "inactive_threshold": 13000000000, "num_replicas": 3,
            "mem_storage": true, "metadata": {"_nats.level": "2", "k": "v"},
            "pause_until": "2027-01-01T00:00:00Z", "priority_policy": "pinned_client",
            "priority_groups": ["A"], "priority_timeout": 120000000000,
            "from_the_future": {"deep": [1, 2.5, null]}
        }"#;
        let config: Config = serde_json::from_str(text).unwrap();
        assert_eq!(config.backoff, vec![Duration::from_secs(1), Duration::from_secs(2)]);
        assert_eq!(config.sample_frequency, 30);
        assert_eq!(config.unknown.len(), 1);
        let start_time = "2026-11-25T15:24:51.5Z".parse().unwrap();
        assert_eq!(config.deliver_policy, DeliverPolicy::ByStartTime { start_time });

        let mut expected: serde_json::Value = serde_json::from_str(text).unwrap();
        // The percent sign is the writer's choice.
        expected["sample_freq"] = "30".into();
        assert_eq!(serde_json::to_value(&config).unwrap(), expected);
    }

    #[test]
    fn each_deliver_policy_is_read_as_it_was_written() {
        let start_time = DateTime::UNIX_EPOCH;
        for policy in [
            DeliverPolicy::All,
            DeliverPolicy::Last,
            DeliverPolicy::New,
            DeliverPolicy::LastPerSubject,
            DeliverPolicy::ByStartSequence { start_sequence: 7 },
            DeliverPolicy::ByStartTime { start_time },
        ] {
            let config = Config { deliver_policy: policy, ..Config::default() };
            let text = serde_json::to_string(&config).unwrap();
            assert_eq!(serde_json::from_str::<Config>(&text).unwrap(), config, "{text}");
        }
        let incomplete = serde_json::from_str::<Config>(r#"{"deliver_policy":"by_start_time"}"#);
        assert!(incomplete.is_err());
    }
}
