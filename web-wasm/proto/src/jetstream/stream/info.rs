//! What the server knows of a stream.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde::Deserialize;

use super::config::Config;
use super::source::{External, SubjectTransform};
use crate::jetstream::wire::{nanos, null_as_default, some_time};
use crate::jetstream::{ApiError, ClusterInfo, DateTime};

/// A stream's configuration and state.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Info {
    /// Its configuration, with what the server chose.
    pub config: Config,
    /// When it was made.
    pub created: DateTime,
    /// What it has.
    pub state: State,
    /// The servers that keep it, in a cluster.
    #[serde(default)]
    pub cluster: Option<ClusterInfo>,
    /// How far it is with the stream that it is a copy of.
    #[serde(default)]
    pub mirror: Option<SourceInfo>,
    /// How far it is with each stream that it copies.
    #[serde(default, deserialize_with = "null_as_default")]
    pub sources: Vec<SourceInfo>,
    /// Its copies, the nearest first.
    #[serde(default, deserialize_with = "null_as_default")]
    pub alternates: Vec<Alternate>,
    /// The domain that it is in, if that has a name.
    #[serde(default)]
    pub domain: Option<String>,
    /// Whether this request made it; `false` where it was there already.
    #[serde(default)]
    pub did_create: bool,
    /// The server's clock when it wrote this.
    #[serde(default, rename = "ts", deserialize_with = "some_time")]
    pub timestamp: Option<DateTime>,
    /// How many subjects there are in all, where they were asked for.
    #[serde(default)]
    pub total: u64,
}

/// What a stream has.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct State {
    /// How many messages.
    pub messages: u64,
    /// How many bytes, with what the server adds to each message.
    pub bytes: u64,
    /// The number of the first message.
    #[serde(rename = "first_seq")]
    pub first_sequence: u64,
    /// When the first message was stored; the first moment of the year 1 where there is none.
    #[serde(rename = "first_ts")]
    pub first_timestamp: DateTime,
    /// The number of the last message that there ever was.
    #[serde(rename = "last_seq")]
    pub last_sequence: u64,
    /// When the last message was stored; the first moment of the year 1 where there is none.
    #[serde(rename = "last_ts")]
    pub last_timestamp: DateTime,
    /// How many consumers.
    pub consumer_count: u64,
    /// How many subjects its messages have.
    #[serde(default, rename = "num_subjects")]
    pub subjects_count: u64,
    /// How many messages between the first and the last were deleted.
    #[serde(default, rename = "num_deleted")]
    pub deleted_count: u64,
    /// The numbers of those, where they were asked for.
    #[serde(default, deserialize_with = "null_as_default")]
    pub deleted: Vec<u64>,
    /// How many messages each subject has, where that was asked for.
    #[serde(default, deserialize_with = "null_as_default")]
    pub subjects: BTreeMap<String, u64>,
    /// What was lost to damaged files.
    #[serde(default)]
    pub lost: Option<LostData>,
}

/// What a stream lost to damaged files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct LostData {
    /// The numbers of the messages.
    #[serde(rename = "msgs", deserialize_with = "null_as_default")]
    pub messages: Vec<u64>,
    /// How many bytes.
    pub bytes: u64,
}

/// How far a stream is with one that it copies.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct SourceInfo {
    /// The name of the stream that is copied.
    pub name: String,
    /// How many messages it is behind.
    #[serde(default)]
    pub lag: u64,
    /// How long ago something last came of it; `None` if nothing ever did.
    #[serde(default, deserialize_with = "nanos::some")]
    pub active: Option<Duration>,
    /// Where that is, if it is in another account or domain.
    #[serde(default)]
    pub external: Option<External>,
    /// The pattern of the subjects that are copied.
    #[serde(default)]
    pub filter_subject: Option<String>,
    /// What becomes of subjects.
    #[serde(default, deserialize_with = "null_as_default")]
    pub subject_transforms: Vec<SubjectTransform>,
    /// What is wrong, if something is.
    #[serde(default)]
    pub error: Option<ApiError>,
}

/// A copy of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Alternate {
    /// The name of the stream that has it.
    pub name: String,
    /// Its domain, if that has a name.
    pub domain: Option<String>,
    /// Its cluster.
    pub cluster: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_writes_of_a_stream_is_read() {
        let text = r#"{
            "type": "io.nats.jetstream.api.v1.stream_info_response", "total": 2, "offset": 0,
            "limit": 100000, "config": {"name": "S"}, "created": "2026-11-25T15:24:51.5Z",
            "state": {"messages": 3, "bytes": 99, "first_seq": 1,
                "first_ts": "2026-11-25T15:24:52Z", "last_seq": 5, "last_ts": "2026-11-25T15:24:53Z",
                "num_subjects": 2, "subjects": {"a": 1, "b": 2}, "num_deleted": 2,
                "deleted": [2, 3], "consumer_count": 1, "lost": {"msgs": [4], "bytes": 7}},
            "cluster": {"leader": "n1", "replicas": null},
            "mirror": {"name": "M", "lag": 4, "active": -1,
                "error": {"code": 400, "err_code": 10059, "description": "d"}},
            "sources": [{"name": "A", "lag": 0, "active": 5000000000,
                "external": {"api": "a", "deliver": "d"}, "filter_subject": "f"}],
            "alternates": [{"name": "S", "cluster": "c"}], "ts": "2026-11-25T15:24:54Z",
            "from_the_future": []
        }"#;
        let info: Info = serde_json::from_str(text).unwrap();
        assert_eq!((info.state.messages, info.state.deleted_count, info.total), (3, 2, 2));
        assert_eq!(info.state.subjects["b"], 2);
        assert_eq!(info.mirror.unwrap().active, None);
        assert_eq!(info.sources[0].active, Some(Duration::from_secs(5)));
        assert_eq!(info.alternates[0].cluster, "c");
        assert!(!info.did_create);
    }
}
