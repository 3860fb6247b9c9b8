//! What goes wrong with a command or a connection.

use alloc::boxed::Box;
use core::time::Duration;

use bytestring::ByteString;

use crate::codec::DecodeError;
use crate::message::Message;
use crate::quoted::Quoted;
use crate::server_error::ServerError;
use crate::subject::SubjectError;

/// Why a message was not taken for publishing. It will not be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The caller's subject can't be published to.
    #[error("invalid subject: {0}")]
    InvalidSubject(#[source] SubjectError),
    /// The caller's reply subject can't be published to.
    #[error("invalid reply subject: {0}")]
    InvalidReplySubject(#[source] SubjectError),
    /// The message is larger than the server takes from this client.
    #[error("a message of {size} bytes exceeds the server's {limit}")]
    MaxPayloadExceeded {
        /// Headers and payload, in bytes.
        size: usize,
        /// What the server said when it was last connected, in bytes.
        limit: usize,
    },
    /// The server does not understand headers.
    #[error("the server does not support headers")]
    HeadersUnsupported,
    /// The outbound buffer is full: the server is away, or slower than the caller.
    #[error("the outbound buffer holds its limit of {limit} bytes")]
    BufferFull {
        /// The limit in bytes.
        limit: usize,
    },
    /// There is no connection, or it broke before the message was sent, which was for that alone.
    #[error("not connected")]
    NotConnected,
    /// The connection was closed.
    #[error("the connection is closed")]
    Closed,
}

/// Why a subscription was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The caller's subject is malformed.
    #[error("invalid subject: {0}")]
    InvalidSubject(#[source] SubjectError),
    /// The caller's queue group is malformed.
    #[error("invalid queue group: {0}")]
    InvalidQueueGroup(#[source] SubjectError),
    /// The connection is being drained and takes no new subscriptions.
    #[error("the connection is draining")]
    Draining,
    /// The connection was closed.
    #[error("the connection is closed")]
    Closed,
}

/// Why a request got no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The request was never sent.
    #[error("the request was not sent: {0}")]
    Publish(#[from] PublishError),
    /// Nobody is subscribed to the subject.
    #[error("no responders")]
    NoResponders,
    /// No answer came in time.
    #[error("no answer within {} ms", millis(.timeout))]
    TimedOut {
        /// How long was waited.
        timeout: Duration,
    },
    /// The credential allows either the request's subject or the inbox not.
    #[error("not allowed: {0}")]
    Denied(#[source] ServerError),
    /// The connection is being drained and has no inbox for answers.
    #[error("the connection is draining")]
    Draining,
    /// The connection was closed before the answer came.
    #[error("the connection is closed")]
    Closed,
}

/// Why it is not known whether the server has all that was published before a flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FlushError {
    /// The connection broke before the server confirmed.
    #[error("the connection broke before the server confirmed")]
    Disconnected,
    /// The server did not confirm in time.
    #[error("the server did not confirm within {} ms", millis(.timeout))]
    TimedOut {
        /// How long was waited.
        timeout: Duration,
    },
    /// The connection was closed.
    #[error("the connection is closed")]
    Closed,
}

/// How a transport said that it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportClosed {
    /// The websocket close code (RFC 6455 §7.4); 1006 when there was no closing handshake.
    pub code: u16,
    /// The words that came with the code; often none.
    pub reason: ByteString,
}

/// Why a connection, or an attempt at one, ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The server or the network closed the transport; before that the server may have said why.
    #[error("closed with code {}{}", .closed.code, Because(.error))]
    TransportClosed {
        /// What the transport said.
        closed: TransportClosed,
        /// The last error that the server sent which the connection could not survive.
        error: Option<ServerError>,
    },
    /// The server does not speak the protocol.
    #[error("protocol violation: {0}")]
    Protocol(#[from] DecodeError),
    /// The server is older than [`Config::min_server_version`](super::Config::min_server_version).
    #[error(
        "the server's version is {}, below {}.{}.{}",
        Quoted(.version), .required[0], .required[1], .required[2]
    )]
    ServerTooOld {
        /// What the server says; not bound to any form.
        version: Box<str>,
        /// What was asked for.
        required: [u32; 3],
    },
    /// The server left PINGs unanswered.
    #[error("stale: {unanswered} pings were not answered")]
    Stale {
        /// How many.
        unanswered: usize,
    },
    /// The connection was not there in time, from dialling to the answer to CONNECT.
    #[error("not connected within {} ms{}", millis(.timeout), Because(.error))]
    ConnectTimeout {
        /// How long was waited.
        timeout: Duration,
        /// The last error that the server sent which the connection could not survive.
        error: Option<ServerError>,
    },
    /// The caller could not name itself: its credentials failed it.
    #[error("no credentials: {0}")]
    Credentials(Box<str>),
    /// The caller asked for another connection.
    #[error("a reconnect was asked for")]
    Reconnect,
    /// The caller closed the connection.
    #[error("closed by the caller")]
    ClosedByCaller,
}

impl DisconnectReason {
    /// The server's own word on the matter, if it said one.
    pub fn server_error(&self) -> Option<&ServerError> {
        match self {
            Self::TransportClosed { error, .. } | Self::ConnectTimeout { error, .. } => {
                error.as_ref()
            }
            _ => None,
        }
    }
}

/// Whole milliseconds. Other forms of a duration take code that a page would have to load for it.
fn millis(duration: &Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

struct Because<'a>(&'a Option<ServerError>);

impl core::fmt::Display for Because<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.0 {
            Some(error) => write!(f, ": {error}"),
            None => Ok(()),
        }
    }
}

/// Why a subscription gets no more messages.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndReason {
    /// The caller unsubscribed.
    #[error("unsubscribed")]
    Unsubscribed,
    /// The caller drained it: it got everything that was on its way.
    #[error("drained")]
    Drained,
    /// It got as many messages as it was to get.
    #[error("all {max} messages were delivered")]
    MaxDelivered {
        /// How many.
        max: u64,
    },
    /// The server refused it.
    #[error("refused: {0}")]
    Refused(#[source] ServerError),
    /// The connection was closed.
    #[error("the connection is closed")]
    Closed,
}

/// The result of a request.
pub type Response = Result<Message, RequestError>;
