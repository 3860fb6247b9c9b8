//! The NATS client protocol, without I/O.
//!
//! This crate knows every byte of the [client protocol] and nothing of sockets, clocks or
//! randomness: bytes and time come in as arguments, effects go out as values. That makes it
//! deterministic, so that a test can replay any split of the input at any moment, and lets
//! one core serve a browser's WebSocket and a native transport alike.
//!
//! | unit | what it is for |
//! |---|---|
//! | [`Connection`] | the state machine: handshake, subscriptions, requests, keep-alive, outbound buffer |
//! | [`ServerPool`] | which server to dial, and when |
//! | [`codec`] | bytes to operations and back, with limits |
//! | [`Subject`], [`subject::matches`] | names, checked and matched |
//! | [`HeaderMap`], [`StatusCode`] | message headers and their status line |
//! | [`jetstream`] | what JetStream says: configurations, states, answers |
//! | [`kv`] | key-value buckets on it |
//! | [`object_store`] | objects in pieces, and what is known of them |
//! | [`outbox`] | what is to be published later: which entry when, and once |
//! | [`presence`] | who is on a channel |
//! | [`service`] | services: what they are asked, and what they answer |
//! | `simulator` | scripted servers to test clients against, with the feature of that name |
//!
//! The crate is `no_std` with `alloc`. Nothing in it panics on input from the network.
//!
//! [client protocol]: https://docs.nats.io/reference/reference-protocols/nats-protocol

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod codec;
pub mod connection;
mod header;
mod info;
pub mod jetstream;
mod json;
pub mod kv;
mod message;
mod nuid;
pub mod object_store;
mod op;
pub mod outbox;
mod pool;
pub mod presence;
mod quoted;
mod run;
mod server_addr;
mod server_error;
pub mod service;
mod status;
pub mod subject;
mod time;

#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
#[cfg(any(test, feature = "simulator"))]
pub mod simulator;

pub use connection::{Config, Connection, Event};
pub use header::{HeaderError, HeaderMap, HeaderName, HeaderValue};
pub use info::{ConnectInfo, ServerInfo};
pub use message::Message;
pub use nuid::Nuid;
pub use op::ServerOp;
pub use pool::{Backoff, Dial, Server, ServerPool};
pub use quoted::Quoted;
pub use run::Run;
pub use server_addr::{ServerAddr, ServerAddrError};
pub use server_error::{Operation, ServerError};
pub use status::StatusCode;
pub use subject::{Subject, SubjectError};
pub use time::{Instant, WallClock};

// The string and byte types of the public API.
pub use bytes::Bytes;
pub use bytestring::ByteString;
