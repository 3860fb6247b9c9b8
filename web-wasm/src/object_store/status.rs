//! What a store is and has.

use core::time::Duration;
use std::collections::BTreeMap;

use nats_proto::object_store::Bucket;

use crate::jetstream::stream::{Compression, Info, StorageType};

/// What an object store is and has.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    pub(super) bucket: Bucket,
    pub(super) info: Info,
}

impl Status {
    /// The store's name.
    pub fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    /// What the store is for.
    pub fn description(&self) -> Option<&str> {
        self.info.config.description.as_deref()
    }

    /// Whatever else whoever made it wanted to remember.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.info.config.metadata
    }

    /// How long it keeps an object; zero for ever.
    pub fn ttl(&self) -> Duration {
        self.info.config.max_age
    }

    /// Where it keeps objects.
    pub fn storage(&self) -> StorageType {
        self.info.config.storage
    }

    /// How many servers keep each object.
    pub fn replicas(&self) -> usize {
        self.info.config.num_replicas
    }

    /// Whether nothing more can be put into it or deleted.
    pub fn is_sealed(&self) -> bool {
        self.info.config.sealed
    }

    /// How many bytes its objects have, with what is known of them and what the server adds.
    pub fn size(&self) -> u64 {
        self.info.state.bytes
    }

    /// Whether its files are compressed.
    pub fn is_compressed(&self) -> bool {
        self.info.config.compression.unwrap_or_default() != Compression::None
    }

    /// What its stream is and has.
    pub fn stream_info(&self) -> &Info {
        &self.info
    }
}
