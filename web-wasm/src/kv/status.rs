//! What a bucket is and has.

use core::time::Duration;

use nats_proto::jetstream::stream::Info;
use nats_proto::kv::{Bucket, Config};

use crate::jetstream::stream::{Compression, StorageType};

/// What a bucket was and had when it was asked.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Status {
    /// What its stream was and had.
    pub info: Info,
    pub(super) bucket: Bucket,
}

impl Status {
    pub(super) fn new(bucket: Bucket, info: Info) -> Self {
        Self { info, bucket }
    }

    /// The status of the bucket of a stream; `None` where that is no bucket's.
    pub(super) fn of_stream(info: Info) -> Option<Self> {
        Some(Self { bucket: Bucket::of_stream(&info.config.name)?, info })
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    /// The bucket's configuration. To change the bucket, change this.
    pub fn config(&self) -> Config {
        let config = Config::of_stream(&self.info.config).unwrap_or_default();
        Config { bucket: self.bucket.as_str().into(), ..config }
    }

    /// How many entries it has, former values and markers included.
    pub fn values(&self) -> u64 {
        self.info.state.messages
    }

    /// How many bytes it has.
    pub fn bytes(&self) -> u64 {
        self.info.state.bytes
    }

    /// How many values of a key it keeps.
    pub fn history(&self) -> i64 {
        self.info.config.max_messages_per_subject
    }

    /// How long it keeps a value; zero for ever.
    pub fn max_age(&self) -> Duration {
        self.info.config.max_age
    }

    /// For how long a marker stands in the place of a value that was deleted for its age.
    pub fn limit_markers(&self) -> Option<Duration> {
        self.info.config.subject_delete_marker_ttl
    }

    /// Where it keeps values.
    pub fn storage(&self) -> StorageType {
        self.info.config.storage
    }

    /// Whether its files are compressed.
    pub fn is_compressed(&self) -> bool {
        self.info.config.compression.unwrap_or_default() != Compression::None
    }
}
