//! JetStream: what its API, its consumers and its publishers say on the wire.
//!
//! | unit | what it is for |
//! |---|---|
//! | [`consumer`] | the configuration and state of consumers |
//! | [`AckKind`] | what a consumer's client says of a message |
//! | [`MessageInfo`] | what a message's reply subject tells |
//! | [`DateTime`] | a moment, as the server writes it |

mod ack;
mod cluster;
pub mod consumer;
mod date_time;
mod message_info;
pub(crate) mod wire;

pub use ack::AckKind;
pub use cluster::{ClusterInfo, PeerInfo};
pub use date_time::{DateTime, DateTimeError};
pub use message_info::{MessageInfo, MessageInfoError};
pub use wire::UnknownFields;
