//! A stream as the roles file declares it.

use std::time::Duration;

use serde_json::{Map, Value, json};

/// What a stream is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A key-value bucket (ADR-8).
    Bucket,
    /// Messages in order.
    Stream,
    /// An object store (ADR-20).
    Objects {
        /// Bytes of one object at most, which this service sees to and not the stream.
        max_object_bytes: u64,
    },
}

/// Where a stream keeps its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// On disk.
    File,
    /// In memory: gone with the server.
    Memory,
}

/// A stream that is to be there, with nothing switched on that a publisher could use against others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredStream {
    /// Its name; that of a bucket begins with `KV_`, and that of an object bucket with `OBJ_`.
    pub name: String,
    /// What it stores.
    pub subjects: Vec<String>,
    /// What it is for.
    pub kind: Kind,
    /// Where it keeps it.
    pub storage: Storage,
    /// On how many servers, 1 to 5.
    pub replicas: u64,
    /// Bytes at most. When they are used up, buckets take no more, and a stream drops the oldest.
    pub max_bytes: u64,
    /// Bytes of one message at most, its headers among them.
    pub max_message_bytes: u64,
    /// Messages of one subject at most: the history of a key.
    pub max_per_subject: Option<u64>,
    /// How long it keeps a message.
    pub max_age: Option<Duration>,
    /// Consumers at most, of all who read it; without, as many as the account has room for.
    pub max_consumers: Option<u64>,
    /// How long it knows the ids of messages.
    pub duplicate_window: Duration,
    /// Whether it confirms what it stores. Not so where a browser may publish: the confirmation goes
    /// wherever the publisher says.
    pub confirms: bool,
}

impl DeclaredStream {
    /// Name of the stream of the bucket with this name.
    #[must_use]
    pub fn of_bucket(bucket: &str) -> String {
        format!("KV_{bucket}")
    }

    /// Name of the stream of the object bucket with this name.
    #[must_use]
    pub fn of_object_bucket(bucket: &str) -> String {
        format!("OBJ_{bucket}")
    }

    /// The configuration as nats-server reads it (ADR-8, ADR-20, ADR-22), without what it leaves off by
    /// itself.
    ///
    /// Schedules, counters, batches, lives of single messages, republishing, sources and mirrors are
    /// among what is off; so are roll-ups, but for objects, which are replaced by them.
    #[must_use]
    pub fn config(&self) -> Map<String, Value> {
        let limit = |limit: Option<u64>| limit.map_or(json!(-1), Value::from);
        let keeps_objects = matches!(self.kind, Kind::Objects { .. });
        let config = json!({
            "name": self.name,
            "subjects": self.subjects,
            "retention": "limits",
            "max_consumers": limit(self.max_consumers),
            "max_msgs": -1,
            "max_bytes": self.max_bytes,
            "max_age": nanoseconds(self.max_age.unwrap_or_default()),
            "max_msgs_per_subject": limit(self.max_per_subject),
            "max_msg_size": self.max_message_bytes,
            "discard": match self.kind {
                Kind::Bucket | Kind::Objects { .. } => "new",
                Kind::Stream => "old",
            },
            "storage": match self.storage { Storage::File => "file", Storage::Memory => "memory" },
            "num_replicas": self.replicas,
            "no_ack": !self.confirms,
            "duplicate_window": nanoseconds(self.duplicate_window),
            "compression": "none",
            "allow_direct": true,
            "deny_delete": true,
            "deny_purge": !keeps_objects,
        });
        let Value::Object(mut config) = config else { return Map::new() };
        if keeps_objects {
            config.insert("allow_rollup_hdrs".to_owned(), json!(true));
        }
        config
    }
}

/// As nats-server writes spans of time.
fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// A bucket that browsers write.
    pub(crate) fn bucket() -> DeclaredStream {
        DeclaredStream {
            name: DeclaredStream::of_bucket("b"),
            subjects: vec!["$KV.b.>".to_owned()],
            kind: Kind::Bucket,
            storage: Storage::Memory,
            replicas: 1,
            max_bytes: 1 << 20,
            max_message_bytes: 1024,
            max_per_subject: Some(1),
            max_age: Some(Duration::from_secs(60)),
            max_consumers: None,
            duplicate_window: Duration::from_millis(100),
            confirms: false,
        }
    }
}
