//! What a stream is to store, and how.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

use super::policy::{Compression, DiscardPolicy, PersistenceMode, RetentionPolicy, StorageType};
use super::source::{Source, SubjectTransform};
use crate::jetstream::wire::{is_default, nanos, null_as_default};
use crate::jetstream::{NameError, UnknownFields};

/// The configuration of a stream.
///
/// What is left at its default is left to the server, which writes what it chose into the stream's
/// [`Info`](super::Info). To change a stream, change the configuration that its info has. Source:
/// nats-server's `StreamConfig`.
///
/// ```
/// use core::time::Duration;
/// use nats_proto::jetstream::stream::Config;
///
/// let config = Config {
///     name: "ORDERS".into(),
///     subjects: vec!["orders.>".into()],
///     max_age: Duration::from_secs(24 * 60 * 60),
///     ..Config::default()
/// };
/// # let _ = config;
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// The stream's name.
    pub name: String,
    /// What the stream is for, in at most 4 kB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The patterns of the subjects that it stores; the stream's name where there are none.
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<String>,
    /// How long it keeps a message, within its limits.
    pub retention: RetentionPolicy,
    /// How many consumers it may have; 0 and -1 for no limit.
    pub max_consumers: i32,
    /// How many messages it keeps; 0 and -1 for no limit.
    #[serde(rename = "max_msgs")]
    pub max_messages: i64,
    /// How many bytes it keeps; 0 and -1 for no limit.
    pub max_bytes: i64,
    /// How many messages of one subject it keeps; 0 and -1 for no limit.
    #[serde(rename = "max_msgs_per_subject")]
    pub max_messages_per_subject: i64,
    /// How long it keeps a message; zero for ever.
    #[serde(with = "nanos")]
    pub max_age: Duration,
    /// How large a message may be, in bytes, headers included; 0 and -1 for no limit.
    #[serde(rename = "max_msg_size", skip_serializing_if = "is_default")]
    pub max_message_size: i32,
    /// Which message makes room when the stream is full.
    pub discard: DiscardPolicy,
    /// Whether a new message is also refused when its subject is full.
    #[serde(skip_serializing_if = "is_default")]
    pub discard_new_per_subject: bool,
    /// Where it keeps messages.
    pub storage: StorageType,
    /// How many servers keep each message, 1 to 5; 0 for one.
    pub num_replicas: usize,
    /// Whether publishers get no confirmation.
    #[serde(skip_serializing_if = "is_default")]
    pub no_ack: bool,
    /// How long it remembers the ids of messages; zero for two minutes, or `max_age` if that is
    /// less.
    #[serde(with = "nanos", skip_serializing_if = "is_default")]
    pub duplicate_window: Duration,
    /// Which servers may keep it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placement: Option<Placement>,
    /// The stream that this one is a copy of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirror: Option<Source>,
    /// The streams that it copies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sources: Option<Vec<Source>>,
    /// How its files are compressed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compression: Option<Compression>,
    /// The number of its first message; `None` for 1.
    #[serde(rename = "first_seq", skip_serializing_if = "Option::is_none")]
    pub first_sequence: Option<u64>,
    /// What becomes of the subjects of messages before they are stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject_transform: Option<SubjectTransform>,
    /// Where messages are published again once they are stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub republish: Option<Republish>,
    /// Whether any server that keeps a message may be asked for it.
    #[serde(skip_serializing_if = "is_default")]
    pub allow_direct: bool,
    /// Whether a server that keeps a mirror may be asked for the messages of its origin.
    #[serde(skip_serializing_if = "is_default")]
    pub mirror_direct: bool,
    /// Whether nothing more can be stored or deleted, ever.
    #[serde(skip_serializing_if = "is_default")]
    pub sealed: bool,
    /// Whether single messages can't be deleted.
    #[serde(skip_serializing_if = "is_default")]
    pub deny_delete: bool,
    /// Whether it can't be purged.
    #[serde(skip_serializing_if = "is_default")]
    pub deny_purge: bool,
    /// Whether a message may by a header delete what came before it.
    #[serde(rename = "allow_rollup_hdrs", skip_serializing_if = "is_default")]
    pub allow_rollup: bool,
    /// What its consumers may have at most.
    #[serde(deserialize_with = "no_limits_as_none", skip_serializing_if = "Option::is_none")]
    pub consumer_limits: Option<ConsumerLimits>,
    /// Whether a message may say how long it is kept.
    #[serde(rename = "allow_msg_ttl", skip_serializing_if = "is_default")]
    pub allow_message_ttl: bool,
    /// For how long a marker stands in the place of a subject's last message, when that was deleted
    /// for its age.
    #[serde(
        serialize_with = "nanos::serialize_some",
        deserialize_with = "nanos::some",
        skip_serializing_if = "Option::is_none"
    )]
    pub subject_delete_marker_ttl: Option<Duration>,
    /// Whether its messages are counters, and say by how much they change.
    #[serde(rename = "allow_msg_counter", skip_serializing_if = "is_default")]
    pub allow_message_counter: bool,
    /// Whether several messages may be stored all or none.
    #[serde(rename = "allow_atomic", skip_serializing_if = "is_default")]
    pub allow_atomic_publish: bool,
    /// Whether a message may say when it is to be stored.
    #[serde(rename = "allow_msg_schedules", skip_serializing_if = "is_default")]
    pub allow_message_schedules: bool,
    /// Whether several messages may be confirmed together. From nats-server 2.14.
    #[serde(rename = "allow_batched", skip_serializing_if = "is_default")]
    pub allow_batch_publish: bool,
    /// When a message counts as stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persist_mode: Option<PersistenceMode>,
    /// Whatever else the application wants to remember. Keys beginning with `_nats` are the
    /// server's.
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// The fields that this version does not know.
    #[serde(flatten)]
    pub unknown: UnknownFields,
}

impl Config {
    /// The configuration as the server takes it, in which domains are written out.
    ///
    /// # Errors
    /// Any [`NameError`], of a domain.
    pub fn resolved(mut self) -> Result<Self, NameError> {
        let sources = self.sources.iter_mut().flatten();
        for source in self.mirror.iter_mut().chain(sources) {
            source.resolve_domain()?;
        }
        Ok(self)
    }
}

impl From<&str> for Config {
    /// A stream of this name, all else at its default.
    fn from(name: &str) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

impl From<&Config> for Config {
    fn from(config: &Config) -> Self {
        config.clone()
    }
}

/// Which servers may keep a stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Placement {
    /// The cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Tags that the servers must have.
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The fields that this version does not know.
    #[serde(flatten)]
    pub unknown: UnknownFields,
}

/// Where messages are published again once they are stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Republish {
    /// The pattern of the subjects that are published again; empty for all.
    #[serde(rename = "src", skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// The subject, in which `{{wildcard(1)}}` is what the pattern's first wildcard stood for.
    #[serde(rename = "dest")]
    pub destination: String,
    /// Whether only the headers are published.
    #[serde(skip_serializing_if = "is_default")]
    pub headers_only: bool,
}

/// What a stream's consumers may have at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsumerLimits {
    /// How long nobody may use a consumer.
    #[serde(with = "nanos", skip_serializing_if = "is_default")]
    pub inactive_threshold: Duration,
    /// How many messages may wait for their acknowledgement.
    #[serde(skip_serializing_if = "is_default")]
    pub max_ack_pending: i64,
}

/// Servers write limits that limit nothing.
fn no_limits_as_none<'de, D>(deserializer: D) -> Result<Option<ConsumerLimits>, D::Error>
where
    D: Deserializer<'de>,
{
    let limits = Option::<ConsumerLimits>::deserialize(deserializer)?;
    Ok(limits.filter(|limits| *limits != ConsumerLimits::default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn a_default_is_left_to_the_server() {
        let written = serde_json::to_string(&Config::from("S")).unwrap();
        let expected = r#"{"name":"S","retention":"limits","max_consumers":0,"max_msgs":0,"max_bytes":0,"max_msgs_per_subject":0,"max_age":0,"discard":"old","storage":"file","num_replicas":0}"#;
        assert_eq!(written, expected);
    }

    #[test]
    fn every_field_survives_a_round_trip_and_so_does_an_unknown_one() {
        let text = r#"{
            "name": "S", "description": "d", "subjects": ["a", "b.>"], "retention": "workqueue",
            "max_consumers": 1, "max_msgs": -1, "max_bytes": 3, "max_msgs_per_subject": 4,
            "max_age": 5000000000, "max_msg_size": 6, "discard": "new",
            "discard_new_per_subject": true, "storage": "memory", "num_replicas": 3,
            "no_ack": true, "duplicate_window": 7000000000,
            "placement": {"cluster": "c", "tags": ["t"], "preferred": "p"},
            "mirror": {"name": "M", "opt_start_seq": 8, "filter_subject": "f",
                "external": {"api": "$JS.hub.API", "deliver": ""}},
            "sources": [{"name": "A", "opt_start_time": "2026-01-01T00:00:00Z",
                "subject_transforms": [{"src": "a", "dest": "b"}],
                "consumer": {"name": "n", "deliver_subject": "d"}, "novel": 1}],
            "compression": "s2", "first_seq": 9,
            "subject_transform": {"src": ">", "dest": "x.>"},
            "republish": {"src": "a", "dest": "b", "headers_only": true},
            "allow_direct": true, "mirror_direct": true, "sealed": true, "deny_delete": true,
            "deny_purge": true, "allow_rollup_hdrs": true,
            "consumer_limits": {"inactive_threshold": 1000000000, "max_ack_pending": 2},
            "allow_msg_ttl": true, "subject_delete_marker_ttl": 10000000000,
            "allow_msg_counter": true, "allow_atomic": true, "allow_msg_schedules": true,
            "allow_batched": true, "persist_mode": "async", "metadata": {"k": "v"},
            "from_the_future": {"deep": [1, 2.5, null]}
        }"#;
        let config: Config = serde_json::from_str(text).unwrap();
        assert_eq!(config.unknown.len(), 1);
        assert_eq!(config.subject_delete_marker_ttl, Some(Duration::from_secs(10)));
        let expected: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_value(&config).unwrap(), expected);
    }

    #[test]
    fn what_a_server_writes_without_need_changes_nothing() {
        let text = r#"{"name":"S","subjects":null,"retention":"limits","max_consumers":-1,
            "max_msgs":-1,"max_bytes":-1,"max_age":0,"max_msgs_per_subject":-1,"max_msg_size":-1,
            "discard":"old","storage":"file","num_replicas":1,"duplicate_window":120000000000,
            "compression":"none","allow_direct":false,"mirror_direct":false,"sealed":false,
            "deny_delete":false,"deny_purge":false,"allow_rollup_hdrs":false,
            "consumer_limits":{},"allow_msg_ttl":false}"#;
        let config: Config = serde_json::from_str(text).unwrap();
        assert_eq!(config.consumer_limits, None);
        assert_eq!(config.compression, Some(Compression::None));
        assert!(config.unknown.is_empty(), "{:?}", config.unknown);
    }

    #[test]
    fn a_domain_is_written_out_for_the_server() {
        let domain = |domain: &str| {
            let source =
                Source { name: "M".into(), domain: Some(domain.into()), ..Source::default() };
            Config { sources: Some(vec![source.clone()]), mirror: Some(source), .."S".into() }
        };
        let resolved = domain("hub").resolved().unwrap();
        let external = resolved.mirror.unwrap().external.unwrap();
        assert_eq!(external.api_prefix, "$JS.hub.API");
        assert!(resolved.sources.unwrap()[0].external.is_some());
        assert_eq!(domain("a.b").resolved(), Err(NameError::ForbiddenCharacter { at: 1 }));
    }
}
