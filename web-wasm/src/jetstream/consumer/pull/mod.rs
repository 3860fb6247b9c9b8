//! Consumers that deliver what is asked for.

mod batch;
mod config;
mod ordered;
mod stream;

pub use batch::{Batch, BatchBuilder, BatchMessagesError, FetchBuilder, Sequence};
pub use config::{Config, OrderedConfig};
pub use ordered::{Ordered, OrderedMessagesError};
pub use stream::{MessagesError, Stream, StreamBuilder};

pub use nats_proto::jetstream::consume::{BatchError, OrderedError, PullError};
