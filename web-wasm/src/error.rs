//! Why there is no connection.

use nats_proto::connection::DisconnectReason;
use nats_proto::{Quoted, ServerAddrError, SubjectError};

use crate::platform::NoEntropy;

/// Why [`ConnectOptions::connect_with`](crate::ConnectOptions::connect_with) gave no client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The caller named no server.
    #[error("no server to connect to")]
    NoServers,
    /// The caller's server address is malformed.
    #[error("invalid server address {}: {source}", Quoted(.address))]
    InvalidServerAddr {
        /// The address, without what stands before an `@`, where a secret might.
        address: String,
        /// What is wrong with it.
        source: ServerAddrError,
    },
    /// The caller's inbox prefix is no subject.
    #[error("invalid inbox prefix: {0}")]
    InvalidInboxPrefix(#[source] SubjectError),
    /// The caller's subprotocol is no token (RFC 9110 §5.6.2), or named twice.
    #[error("invalid subprotocol {}", Quoted(.0))]
    InvalidSubprotocol(String),
    /// Every server was tried and none let the client in.
    #[error("no server let the client in; the last one: {0}")]
    NotConnected(#[source] DisconnectReason),
    /// The client was closed while it connected.
    #[error("closed before it was connected")]
    Closed,
    /// The system has no randomness for the client's inboxes.
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
}
