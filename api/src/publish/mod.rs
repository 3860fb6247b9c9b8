//! Publishing to NATS.
//!
//! async-nats holds publishes back while it is disconnected and sends them when it is connected
//! again. Here that would break a promise: a caller who was told "not sent" would see the message
//! turn up later. So each client of async-nats lives for one connection only ([`connection`]); when
//! that is lost, the client dies together with whatever it held back, and a new client is made,
//! endlessly. [`publisher`] turns that into three clear outcomes; `outbox` asks nats-server once for
//! all messages that go out together.

pub mod connection;
pub mod message;
mod outbox;
pub mod publisher;
pub mod stored;
pub mod update;

pub(crate) use connection::trusting;
pub use connection::{Connection, ConnectionSettings};
pub use message::{Message, MessageError};
pub use publisher::{PublishError, Publisher};
pub use stored::{Stored, StreamError};
pub use update::Update;
