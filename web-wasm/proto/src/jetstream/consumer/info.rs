//! What the server knows of a consumer.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde::Deserialize;

use super::Config;
use crate::jetstream::wire::{nanos, null_as_default, some_time};
use crate::jetstream::{ClusterInfo, DateTime};

/// A consumer's configuration and state.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Info {
    /// The stream that it delivers.
    pub stream_name: String,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: DateTime,
    /// Its configuration, with what the server chose.
    #[serde(default)]
    pub config: Config,
    /// The last message that was delivered.
    pub delivered: SequenceInfo,
    /// The last message up to which all are acknowledged.
    pub ack_floor: SequenceInfo,
    /// How many messages are delivered and not acknowledged.
    #[serde(default)]
    pub num_ack_pending: u64,
    /// How many of those were delivered more than once.
    #[serde(default)]
    pub num_redelivered: u64,
    /// How many pull requests wait for messages.
    #[serde(default)]
    pub num_waiting: u64,
    /// How many messages are still to be delivered for the first time.
    #[serde(default)]
    pub num_pending: u64,
    /// The servers that keep it, in a cluster.
    #[serde(default)]
    pub cluster: Option<ClusterInfo>,
    /// Whether somebody is subscribed to a push consumer's deliver subject.
    #[serde(default)]
    pub push_bound: bool,
    /// Whether it delivers nothing at present because it was told so.
    #[serde(default)]
    pub paused: bool,
    /// How much longer it delivers nothing.
    #[serde(default, deserialize_with = "nanos::some")]
    pub pause_remaining: Option<Duration>,
    /// The state of each priority group.
    #[serde(default, deserialize_with = "null_as_default")]
    pub priority_groups: Vec<PriorityGroupState>,
    /// The server's clock when it wrote this.
    #[serde(default, rename = "ts", deserialize_with = "some_time")]
    pub timestamp: Option<DateTime>,
}

/// A place in a stream, counted in two ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct SequenceInfo {
    /// The number of the delivery in the consumer.
    #[serde(rename = "consumer_seq")]
    pub consumer_sequence: u64,
    /// The number of the message in the stream.
    #[serde(rename = "stream_seq")]
    pub stream_sequence: u64,
    /// When this last changed, if it ever did.
    #[serde(default, deserialize_with = "some_time")]
    pub last_active: Option<DateTime>,
}

/// The state of a priority group.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct PriorityGroupState {
    /// The group's name.
    pub group: String,
    /// The `Nats-Pin-Id` of the client that gets the messages, while one is pinned.
    #[serde(default)]
    pub pinned_client_id: Option<String>,
    /// Since when it is pinned.
    #[serde(default, deserialize_with = "some_time")]
    pub pinned_ts: Option<DateTime>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_writes_of_a_consumer_is_read() {
        let text = r#"{
            "type": "io.nats.jetstream.api.v1.consumer_info_response", "stream_name": "S",
            "name": "C", "created": "2026-11-25T15:24:51.5Z",
            "config": {"name": "C", "deliver_policy": "all", "ack_policy": "explicit",
                "replay_policy": "instant", "num_replicas": 0},
            "delivered": {"consumer_seq": 4, "stream_seq": 9,
                "last_active": "2026-11-25T15:24:52Z"},
            "ack_floor": {"consumer_seq": 0, "stream_seq": 0},
            "num_ack_pending": 4, "num_redelivered": 1, "num_waiting": 2, "num_pending": 3,
            "cluster": {"name": "c", "raft_group": "r", "leader": "n1",
                "replicas": [{"name": "n2", "current": true, "active": -1, "peer": "p"}]},
            "paused": true, "pause_remaining": 5000000000, "ts": "2026-11-25T15:24:53Z",
            "priority_groups": [{"group": "A", "pinned_ts": "0001-01-01T00:00:00Z"}],
            "from_the_future": 1
        }"#;
        let info: Info = serde_json::from_str(text).unwrap();
        assert_eq!((info.delivered.consumer_sequence, info.delivered.stream_sequence), (4, 9));
        assert_eq!(info.ack_floor.last_active, None);
        assert_eq!((info.num_ack_pending, info.num_redelivered), (4, 1));
        assert_eq!((info.num_waiting, info.num_pending), (2, 3));
        assert_eq!(info.pause_remaining, Some(Duration::from_secs(5)));
        assert_eq!(info.priority_groups[0].pinned_ts, None);
        let cluster = info.cluster.unwrap();
        assert_eq!(cluster.replicas[0].active, Duration::ZERO);
    }
}
