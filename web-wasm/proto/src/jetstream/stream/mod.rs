//! The configuration and state of streams.

mod config;
mod info;
mod policy;
mod request;
mod source;

pub use super::cluster::{ClusterInfo, PeerInfo};
pub use config::{Config, ConsumerLimits, Placement, Republish};
pub use info::{Alternate, Info, LostData, SourceInfo, State};
pub use policy::{Compression, DiscardPolicy, PersistenceMode, RetentionPolicy, StorageType};
pub use request::{InfoRequest, ListRequest, PauseResponse, PurgeRequest, PurgeResponse};
pub use source::{External, Source, StreamConsumerSource, SubjectTransform};
