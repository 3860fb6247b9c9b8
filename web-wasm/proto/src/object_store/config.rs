//! A store's configuration, as that of its stream.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec;
use core::time::Duration;

use super::bucket::Bucket;
use super::layout::Layout;
use crate::jetstream::stream::{self, Compression, DiscardPolicy, Placement, StorageType};
use crate::kv::BucketError;

/// The configuration of an object store.
///
/// ```
/// use nats_proto::object_store::Config;
///
/// let config = Config { bucket: "images".into(), ..Config::default() };
/// assert_eq!(config.to_stream().unwrap().subjects, ["$O.images.C.>", "$O.images.M.>"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// The store's name.
    pub bucket: String,
    /// What the store is for.
    pub description: Option<String>,
    /// How long it keeps an object; zero for ever.
    pub max_age: Duration,
    /// How many bytes it keeps; 0 and -1 for no limit. When it is full new objects are refused.
    pub max_bytes: i64,
    /// Where it keeps objects.
    pub storage: StorageType,
    /// How many servers keep each object, 1 to 5; 0 for one.
    pub num_replicas: usize,
    /// Whether its files are compressed.
    pub compression: bool,
    /// Which servers may keep it.
    pub placement: Option<Placement>,
    /// Whatever else the application wants to remember.
    pub metadata: BTreeMap<String, String>,
}

impl Config {
    /// The configuration of the store's stream.
    ///
    /// # Errors
    /// Any [`BucketError`].
    pub fn to_stream(&self) -> Result<stream::Config, BucketError> {
        let bucket = Bucket::new(&self.bucket)?;
        let layout = Layout::new(bucket.clone());
        Ok(stream::Config {
            name: bucket.stream().as_str().into(),
            description: self.description.clone(),
            subjects: vec![layout.all_chunks(), layout.all_meta()],
            max_age: self.max_age,
            // A store without a limit says so.
            max_bytes: if self.max_bytes == 0 { -1 } else { self.max_bytes },
            storage: self.storage,
            num_replicas: self.num_replicas.max(1),
            discard: DiscardPolicy::New,
            allow_rollup: true,
            allow_direct: true,
            compression: self.compression.then_some(Compression::S2),
            placement: self.placement.clone(),
            metadata: self.metadata.clone(),
            ..stream::Config::default()
        })
    }

    /// The configuration of the store of a stream; `None` where that is no store's.
    pub fn of_stream(stream: &stream::Config) -> Option<Self> {
        Some(Self {
            bucket: Bucket::of_stream(&stream.name)?.as_str().into(),
            description: stream.description.clone(),
            max_age: stream.max_age,
            max_bytes: stream.max_bytes,
            storage: stream.storage,
            num_replicas: stream.num_replicas,
            compression: stream.compression.unwrap_or_default() != Compression::None,
            placement: stream.placement.clone(),
            metadata: stream.metadata.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_a_stream_as_adr_20_has_it() {
        let config = Config {
            bucket: "MY-STORE".into(),
            description: Some("description".into()),
            max_bytes: -1,
            num_replicas: 1,
            compression: true,
            metadata: [("owner".into(), "infra".into())].into(),
            ..Config::default()
        };
        let stream = config.to_stream().unwrap();
        assert_eq!(&*stream.name, "OBJ_MY-STORE");
        assert_eq!(stream.subjects, ["$O.MY-STORE.C.>", "$O.MY-STORE.M.>"]);
        assert_eq!(
            (stream.discard, stream.compression),
            (DiscardPolicy::New, Some(Compression::S2))
        );
        assert!(stream.allow_rollup && stream.allow_direct && !stream.deny_delete);
        assert_eq!(Config::of_stream(&stream), Some(config));
        assert_eq!(Config::of_stream(&"ORDERS".into()), None);
        assert!(Config { bucket: "a b".into(), ..Config::default() }.to_stream().is_err());
    }
}
