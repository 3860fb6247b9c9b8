//! A NATS client for the browser: Rust, compiled to WASM, speaking NATS to nats-server's own
//! websocket listener. There is no server of ours in between.
//!
//! Names and shapes follow [async-nats], so that code moves between server and browser by
//! changing an import. What differs: a [`Client`] stays on its thread, as everything in a browser
//! does, and every error is an enum of its own.
//!
//! ```no_run
//! # #[cfg(target_arch = "wasm32")]
//! # async fn example() -> Result<(), Box<dyn core::error::Error>> {
//! use futures_util::StreamExt;
//!
//! let client = web_wasm::connect("wss://nats.example.com").await?;
//! let mut updates = client.subscribe("updates.>").await?;
//! client.publish("updates.hello", "from the browser".into()).await?;
//! while let Some(message) = updates.next().await {
//!     web_sys::console::log_2(&(&*message.subject).into(), &message.payload.len().into());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! | to do this | use |
//! |---|---|
//! | connect, with credentials and options | [`ConnectOptions`], `connect` |
//! | publish, subscribe, request, flush, close | [`Client`] |
//! | read messages | [`Subscriber`], a bounded stream |
//! | watch the connection | [`Client::events`] |
//! | answer requests as a service, or find services | [`service`] |
//! | let a visitor in with a credential that an API mints | `HttpCredentials`, [`UserKey`] |
//! | store messages, and read what was stored | [`jetstream`] |
//! | publish while offline, and over reloads | [`outbox`] |
//! | keep values by key, and watch them | [`kv`] |
//! | be on a channel, and see who is | [`presence`] |
//! | keep files | [`object_store`] |
//! | run outside a browser | [`ConnectOptions::connect_with`] |
//!
//! [async-nats]: https://docs.rs/async-nats

#![forbid(unsafe_code)]

mod arrivals;
mod client;
mod credentials;
mod driver;
mod error;
mod event;
mod event_queue;
mod handle;
pub mod jetstream;
pub mod kv;
pub mod object_store;
mod options;
pub mod outbox;
mod pending;
pub mod platform;
pub mod presence;
mod publish;
mod queue;
mod request;
mod responses;
pub mod service;
mod shared;
mod subscriber;
mod to_server_addrs;
pub mod transport;

pub use arrivals::{Arrivals, Pace};
pub use client::{Client, State};
#[cfg(any(target_arch = "wasm32", test))]
pub use credentials::grant::{Grant, HttpCredentialsError};
#[cfg(target_arch = "wasm32")]
pub use credentials::http::HttpCredentials;
pub use credentials::key::{UserKey, UserKeyError};
#[cfg(target_arch = "wasm32")]
pub use credentials::page_key::{Custody, PageKey, PageKeyError};
pub use credentials::signer::Signer;
pub use credentials::{AuthError, Credentials};
pub use error::ConnectError;
pub use event::{Event, Events};
pub use options::{ConnectOptions, ReconnectToServer};
pub use request::Request;
pub use responses::{RequestMany, Responses};
pub use subscriber::{Overflow, PendingLimits, Subscriber};
pub use to_server_addrs::ToServerAddrs;

pub use nats_proto::connection::{
    Auth, Challenge, DisconnectReason, EndReason, FlushError, Interrupted, PublishError,
    RequestError, Statistics, SubscribeError,
};
pub use nats_proto::jetstream::{DateTime, DateTimeError};
pub use nats_proto::{
    Backoff, Bytes, HeaderError, HeaderMap, HeaderName, HeaderValue, Message, Operation, Run,
    Server, ServerAddr, ServerAddrError, ServerError, ServerInfo, StatusCode, Subject,
    SubjectError, subject,
};

/// Connects with the default [`ConnectOptions`].
///
/// # Errors
/// As [`ConnectOptions::connect`].
#[cfg(target_arch = "wasm32")]
pub async fn connect(addrs: impl ToServerAddrs) -> Result<Client, ConnectError> {
    ConnectOptions::new().connect(addrs).await
}
