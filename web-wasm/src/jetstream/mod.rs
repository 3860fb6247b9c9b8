//! JetStream: streams, what is published to them, and what is read back.
//!
//! Names and shapes follow async-nats's module of the same name. What differs: a [`Context`] stays
//! on its thread, names are checked before they become part of a subject, and each operation has an
//! error enum of its own, in which the server's [`ErrorCode`] is kept.
//!
//! ```no_run
//! # async fn example(client: web_wasm::Client) -> Result<(), Box<dyn core::error::Error>> {
//! use web_wasm::jetstream::{self, stream};
//!
//! let jetstream = jetstream::new(client);
//! let stream = jetstream
//!     .get_or_create_stream(stream::Config {
//!         name: "ORDERS".into(),
//!         subjects: vec!["orders.>".into()],
//!         ..Default::default()
//!     })
//!     .await?;
//! let ack = jetstream.publish("orders.7.placed", "{}".into()).await?.await?;
//! let stored = stream.get_raw_message(ack.sequence).await?;
//! assert_eq!(&stored.payload[..], b"{}");
//! # Ok(())
//! # }
//! ```
//!
//! | to do this | use |
//! |---|---|
//! | publish with confirmation | [`Context::publish`], [`PublishMessage`] |
//! | make, change, find and delete streams | [`Context`] |
//! | read, purge and delete messages, manage consumers | [`Stream`](stream::Stream) |
//! | read a stream's messages as they come | [`Consumer`](consumer::Consumer) |
//! | subscribe, and get what was missed in an interruption | [`Client::subscribe_recovering`] |
//! | read what an API's consumer delivers | [`Client::subscribe_delivery`] |
//! | see what the account may use | [`Context::query_account`] |

mod builder;
pub mod consumer;
mod context;
mod error;
mod in_flight;
mod message;
mod pages;
pub mod publish;
mod recovering;
pub mod stream;

pub use builder::ContextBuilder;
pub use context::Context;
pub use error::RequestError;
pub use message::{AckError, Acker, Message};
pub use publish::{PublishAckFuture, PublishError};
pub use recovering::{RecoverFrom, RecoveringSubscriber, SubscribeRecoveringError};

pub use nats_proto::jetstream::recovery::{NotRecovered, Verdict};
pub use nats_proto::jetstream::{
    Account, AckKind, ApiError, ApiPrefix, ClusterInfo, DateTime, DateTimeError, DirectAnswerError,
    ErrorCode, Limits, MessageInfo, MessageInfoError, Name, NameError, PeerInfo, PublishAck,
    PublishMessage, Requests, StreamMessage, Tier, UnknownFields, headers,
};

#[doc(no_inline)]
pub use crate::{kv, object_store};

use crate::client::Client;

/// The JetStream of the client's account.
pub fn new(client: Client) -> Context {
    ContextBuilder::new().build(client)
}

/// The JetStream of a domain, such as that of a leaf node.
///
/// # Errors
/// Any [`NameError`].
pub fn with_domain(client: Client, domain: impl AsRef<str>) -> Result<Context, NameError> {
    Ok(ContextBuilder::new().domain(domain)?.build(client))
}

/// The JetStream whose API the account imports at another place.
///
/// # Errors
/// Any [`SubjectError`](crate::SubjectError).
pub fn with_prefix(
    client: Client,
    prefix: impl AsRef<str>,
) -> Result<Context, crate::SubjectError> {
    Ok(ContextBuilder::new().api_prefix(prefix)?.build(client))
}
