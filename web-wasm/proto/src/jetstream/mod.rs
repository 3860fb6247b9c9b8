//! JetStream: what its API, its consumers and its publishers say on the wire.
//!
//! | unit | what it is for |
//! |---|---|
//! | [`ApiPrefix`], [`Endpoint`], [`Name`] | where requests go |
//! | [`response`], [`ApiError`], [`ErrorCode`] | what comes back |
//! | [`stream`], [`consumer`], [`Account`] | configurations and states |
//! | [`consume`] | what the clients of consumers do |
//! | [`recovery`] | whether what was missed was got from a stream |
//! | [`PublishMessage`], [`PublishAck`] | what publishers say to a stream, and it to them |
//! | [`MessageInfo`], [`AckKind`] | what a consumer says of a message, and its client to it |
//! | [`GetRequest`], [`StreamMessage`], [`DirectAnswer`] | messages got without a consumer |
//! | [`DateTime`] | a moment, as the server writes it |

mod account;
mod ack;
mod api_error;
mod cluster;
pub mod consume;
pub mod consumer;
mod date_time;
mod error_code;
pub mod headers;
mod message_info;
mod name;
mod prefix;
mod publish;
mod raw_message;
pub mod recovery;
pub mod response;
pub mod stream;
pub(crate) mod wire;

pub use account::{Account, Limits, Requests, Tier};
pub use ack::AckKind;
pub use api_error::ApiError;
pub use cluster::{ClusterInfo, PeerInfo};
pub use date_time::{DateTime, DateTimeError};
pub use error_code::ErrorCode;
pub use message_info::{MessageInfo, MessageInfoError};
pub use name::{MAX_NAME_LEN, Name, NameError};
pub use prefix::{ApiPrefix, Endpoint};
pub use publish::{PublishAck, PublishMessage};
pub use raw_message::{DirectAnswer, DirectAnswerError, GetRequest, StreamMessage};
pub use wire::UnknownFields;
