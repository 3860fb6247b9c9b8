//! Streams.

mod consumers;
mod direct;
mod error;
mod info;
mod messages;
mod purge;

pub use consumers::{ConsumerNames, Consumers};
pub use direct::DirectMessages;
pub use error::{
    ConsumerCreateError, ConsumerError, CreateStreamError, DeleteMessageError, DeleteStreamError,
    DirectGetError, GetStreamByNameError, GetStreamError, InfoError, LastRawMessageError,
    PurgeError, RawMessageError, StreamsError, UpdateStreamError,
};
pub use info::StreamInfoBuilder;
pub use purge::Purge;

pub use nats_proto::jetstream::GetRequest;
pub use nats_proto::jetstream::consumer::Action as ConsumerAction;
pub use nats_proto::jetstream::stream::{
    Alternate, ClusterInfo, Compression, Config, ConsumerLimits, DiscardPolicy, External, Info,
    LostData, PauseResponse, PeerInfo, PersistenceMode, Placement, PurgeResponse, Republish,
    RetentionPolicy, Source, SourceInfo, State, StorageType, StreamConsumerSource,
    SubjectTransform,
};

use nats_proto::jetstream::Name;

use super::context::Context;
use super::pages::Pages;

/// The names of streams, as they are read.
pub type StreamNames = Pages<String>;

/// Streams, as they are read.
pub type Streams = Pages<Info>;

/// The handle on a stream. Cloning it is cheap where it holds no info.
///
/// `T` is `()` where the stream was not asked whether it is there, as by
/// [`Context::get_stream_no_info`].
#[derive(Clone, Debug)]
pub struct Stream<T = Info> {
    pub(crate) context: Context,
    pub(crate) name: Name,
    pub(crate) info: T,
}

impl<T> Stream<T> {
    pub(crate) fn new(context: Context, name: Name, info: T) -> Self {
        Self { context, name, info }
    }

    /// The stream's name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The JetStream that it is in.
    pub fn context(&self) -> &Context {
        &self.context
    }
}
