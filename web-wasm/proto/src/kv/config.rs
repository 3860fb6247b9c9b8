//! A bucket's configuration, as that of its stream.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use super::bucket::{Bucket, BucketError};
use crate::jetstream::stream::{
    self, Compression, DiscardPolicy, Placement, Republish, Source, StorageType, SubjectTransform,
};

/// How many values of a key a bucket can keep.
pub const MAX_HISTORY: i64 = 64;

/// The configuration of a bucket.
///
/// ```
/// use nats_proto::kv::Config;
///
/// let config = Config { bucket: "profiles".into(), history: 5, ..Config::default() };
/// let stream = config.to_stream().unwrap();
/// assert_eq!((&*stream.name, stream.max_messages_per_subject), ("KV_profiles", 5));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// The bucket's name.
    pub bucket: String,
    /// What the bucket is for.
    pub description: String,
    /// How large a value may be, in bytes, headers included; 0 and -1 for no limit.
    pub max_value_size: i32,
    /// How many values of a key it keeps, 1 to [`MAX_HISTORY`]; 0 for one.
    pub history: i64,
    /// How long it keeps a value; zero for ever.
    pub max_age: Duration,
    /// How many bytes it keeps; 0 and -1 for no limit. When it is full new values are refused.
    pub max_bytes: i64,
    /// Where it keeps values.
    pub storage: StorageType,
    /// How many servers keep each value, 1 to 5; 0 for one.
    pub num_replicas: usize,
    /// Where values are published again once they are stored.
    pub republish: Option<Republish>,
    /// The bucket that this one is a copy of.
    pub mirror: Option<Source>,
    /// The buckets that it copies. The keys that they have are keys of this one.
    pub sources: Option<Vec<Source>>,
    /// Whether a server that keeps a mirror may be asked for the values of its origin. A mirror
    /// always has this.
    pub mirror_direct: bool,
    /// Whether its files are compressed.
    pub compression: bool,
    /// Which servers may keep it.
    pub placement: Option<Placement>,
    /// For how long a marker stands in the place of a value that was deleted for its age, so that
    /// watchers learn of it. With it values may have an age of their own. A second at least. Source:
    /// ADR-48.
    pub limit_markers: Option<Duration>,
}

/// Why a configuration is none of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The bucket's name is none.
    #[error(transparent)]
    InvalidBucket(#[from] BucketError),
    /// More values of a key are to be kept than a bucket can.
    #[error("a history of {history} values is too long; {MAX_HISTORY} are allowed")]
    TooLongHistory {
        /// How many are wanted.
        history: i64,
    },
}

impl Config {
    /// The configuration of the bucket's stream.
    ///
    /// # Errors
    /// Any [`ConfigError`].
    pub fn to_stream(&self) -> Result<stream::Config, ConfigError> {
        self.applied_to(stream::Config { allow_direct: true, ..stream::Config::default() })
    }

    /// The configuration of the bucket's stream where there is one already: what a bucket's
    /// configuration says nothing of stays as it is.
    ///
    /// # Errors
    /// Any [`ConfigError`].
    pub fn applied_to(&self, stream: stream::Config) -> Result<stream::Config, ConfigError> {
        let bucket = Bucket::new(&self.bucket)?;
        if self.history > MAX_HISTORY {
            return Err(ConfigError::TooLongHistory { history: self.history });
        }
        let own = format!("$KV.{bucket}.>");
        let mirror = self.mirror.clone().map(of_bucket);
        let is_mirror = mirror.is_some();
        let sources = self.sources.as_ref().filter(|_| !is_mirror);
        let sources = sources
            .map(|sources| sources.iter().map(|source| with_own_keys(source, &bucket)).collect());
        Ok(stream::Config {
            name: bucket.stream().as_str().into(),
            description: Some(self.description.clone()).filter(|text| !text.is_empty()),
            subjects: if is_mirror { Vec::new() } else { vec![own] },
            max_messages_per_subject: self.history.max(1),
            max_bytes: self.max_bytes,
            max_age: self.max_age,
            max_message_size: self.max_value_size,
            storage: self.storage,
            num_replicas: self.num_replicas.max(1),
            republish: self.republish.clone(),
            mirror_direct: self.mirror_direct || is_mirror,
            mirror,
            sources,
            compression: self.compression.then_some(Compression::S2),
            placement: self.placement.clone(),
            allow_message_ttl: stream.allow_message_ttl || self.limit_markers.is_some(),
            subject_delete_marker_ttl: self.limit_markers,
            discard: DiscardPolicy::New,
            allow_rollup: true,
            deny_delete: true,
            ..stream
        })
    }

    /// The configuration of the bucket of a stream; `None` where that is no bucket's.
    pub fn of_stream(stream: &stream::Config) -> Option<Self> {
        Some(Self {
            bucket: Bucket::of_stream(&stream.name)?.as_str().into(),
            description: stream.description.clone().unwrap_or_default(),
            max_value_size: stream.max_message_size,
            history: stream.max_messages_per_subject,
            max_age: stream.max_age,
            max_bytes: stream.max_bytes,
            storage: stream.storage,
            num_replicas: stream.num_replicas,
            republish: stream.republish.clone(),
            mirror: stream.mirror.clone(),
            sources: stream.sources.clone(),
            mirror_direct: stream.mirror_direct,
            compression: stream.compression.unwrap_or_default() != Compression::None,
            placement: stream.placement.clone(),
            limit_markers: stream.subject_delete_marker_ttl,
        })
    }
}

/// A bucket to copy, as its stream, however it is named.
fn of_bucket(mut source: Source) -> Source {
    if let Ok(bucket) = Bucket::new(&source.name)
        && Bucket::of_stream(&source.name).is_none()
    {
        source.name = bucket.stream().as_str().into();
    }
    source
}

/// A bucket to copy, whose keys become those of `bucket`, unless the caller says what they become.
fn with_own_keys(source: &Source, bucket: &Bucket) -> Source {
    let mut source = of_bucket(source.clone());
    if let Some(origin) = Bucket::of_stream(&source.name)
        && origin != *bucket
        && source.subject_transforms.is_empty()
    {
        source.subject_transforms = vec![SubjectTransform {
            source: format!("$KV.{origin}.>"),
            destination: format!("$KV.{bucket}.>"),
        }];
    }
    source
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_a_stream_as_adr_8_has_it() {
        let config = Config {
            bucket: "CONFIGURATION".into(),
            history: 5,
            max_bytes: -1,
            max_value_size: -1,
            compression: true,
            ..Config::default()
        };
        let stream = config.to_stream().unwrap();
        let text = r#"{"name":"KV_CONFIGURATION","subjects":["$KV.CONFIGURATION.>"],
            "retention":"limits","max_consumers":0,"max_msgs_per_subject":5,"max_msgs":0,
            "max_bytes":-1,"max_age":0,"max_msg_size":-1,"storage":"file","discard":"new",
            "num_replicas":1,"allow_rollup_hdrs":true,"deny_delete":true,"allow_direct":true,
            "compression":"s2"}"#;
        let expected: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_value(&stream).unwrap(), expected);
        let back = Config { num_replicas: 1, ..config };
        assert_eq!(Config::of_stream(&stream), Some(back));
    }

    #[test]
    fn an_update_leaves_what_is_not_the_buckets() {
        let mut stream = Config { bucket: "b".into(), ..Config::default() }.to_stream().unwrap();
        stream.metadata.insert("k".into(), "v".into());
        stream.unknown.insert("novel".into(), true.into());
        stream.allow_direct = false;
        stream.duplicate_window = Duration::from_secs(7);
        let config = Config { history: 3, ..Config::of_stream(&stream).unwrap() };
        let changed = config.applied_to(stream.clone()).unwrap();
        assert_eq!(changed, stream::Config { max_messages_per_subject: 3, ..stream });
    }

    #[test]
    fn copies_are_named_as_buckets_or_streams() {
        let source = |name: &str| Source { name: name.into(), ..Source::default() };
        let mirror = Config { bucket: "m".into(), mirror: Some(source("o")), ..Config::default() };
        let stream = mirror.to_stream().unwrap();
        assert!(stream.subjects.is_empty() && stream.mirror_direct);
        assert_eq!(stream.mirror.unwrap().name, "KV_o");

        let own =
            Source { subject_transforms: vec![SubjectTransform::default()], ..source("KV_q") };
        let aggregate = Config {
            bucket: "a".into(),
            sources: Some(vec![source("o"), source("KV_p"), own]),
            ..Config::default()
        };
        let stream = aggregate.to_stream().unwrap();
        assert_eq!(stream.subjects, ["$KV.a.>"]);
        let sources = stream.sources.unwrap();
        assert_eq!((&*sources[0].name, &*sources[1].name), ("KV_o", "KV_p"));
        assert_eq!(sources[1].subject_transforms[0].source, "$KV.p.>");
        assert_eq!(sources[1].subject_transforms[0].destination, "$KV.a.>");
        assert_eq!(sources[2].subject_transforms, [SubjectTransform::default()]);
    }

    #[test]
    fn what_is_no_bucket_is_refused() {
        let refused = Config { bucket: "a b".into(), ..Config::default() }.to_stream();
        let problem = BucketError::ForbiddenCharacter { at: 1 };
        assert_eq!(refused, Err(ConfigError::InvalidBucket(problem)));
        let refused = Config { bucket: "a".into(), history: 65, ..Config::default() }.to_stream();
        assert_eq!(refused, Err(ConfigError::TooLongHistory { history: 65 }));
        assert_eq!(Config::of_stream(&"ORDERS".into()), None);
        let markers = Some(Duration::from_secs(9));
        let config = Config { bucket: "a".into(), limit_markers: markers, ..Config::default() };
        let stream = config.to_stream().unwrap();
        assert!(stream.allow_message_ttl && stream.subject_delete_marker_ttl == markers);
    }
}
