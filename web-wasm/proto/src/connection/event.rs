//! What a connection reports.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::error::{DisconnectReason, EndReason, FlushError, Response};
use super::gap::Gap;
use super::link::Via;
use super::{FlushId, RequestId};
use crate::message::Message;
use crate::run::Run;
use crate::server_error::ServerError;

/// Something that the caller of [`Connection::poll_event`](super::Connection::poll_event) has
/// to know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The server wants to know who is there. Answer with
    /// [`Connection::authenticate`](super::Connection::authenticate).
    Challenge {
        /// Over which transport.
        via: Via,
        /// What it wants.
        challenge: Challenge,
    },
    /// The next transport has taken the place of the present one: drop that, and call the next one
    /// the present one. See [`Connection::handover`](super::Connection::handover).
    HandedOver {
        /// Why the transport before broke off, if it did so before it was left. Then messages that
        /// it held may be lost.
        broke: Option<DisconnectReason>,
        /// How many messages were handed to the transport before without the server's
        /// confirmation; none unless it broke off.
        unconfirmed: u64,
    },
    /// The next transport, or the attempt at one, is over: drop it. The present one goes on.
    HandoverFailed {
        /// Why.
        reason: DisconnectReason,
    },
    /// The server let the client in, and every subscription is in place.
    Connected,
    /// The connection, or the attempt at one, is over: drop the transport. After
    /// [`DisconnectReason::ClosedByCaller`] nothing more comes.
    Disconnected {
        /// Why.
        reason: DisconnectReason,
        /// How many messages were handed to the transport without the server's confirmation:
        /// it may have them or not, and they are not sent again.
        unconfirmed: u64,
    },
    /// Messages may have been missed; it is over. Comes after what ended it.
    Gap(Gap),
    /// A message for a subscription.
    Message {
        /// The subscription.
        sid: u64,
        /// The message.
        message: Message,
    },
    /// Several messages for a subscription; see
    /// [`Connection::poll_events`](super::Connection::poll_events).
    Messages {
        /// The subscription.
        sid: u64,
        /// The messages, two at least.
        run: Run,
    },
    /// A subscription gets no more messages. Comes after its last one.
    SubscriptionEnded {
        /// The subscription.
        sid: u64,
        /// Why.
        reason: EndReason,
    },
    /// A request is answered or has failed. Comes exactly once for each that was accepted and not
    /// cancelled; for one that wants many answers, once for each answer and at last with an
    /// error, which is [`RequestError::TimedOut`](super::RequestError::TimedOut) when its time is
    /// up.
    Response {
        /// The request.
        request: RequestId,
        /// The answer, or why there is none.
        result: Response,
    },
    /// A flush is decided. Comes exactly once for each.
    Flushed {
        /// The flush.
        flush: FlushId,
        /// The round-trip time of the flush's own PING, or why there is none.
        result: Result<Duration, FlushError>,
    },
    /// The server said that something went wrong. Where it belongs to a subscription or a
    /// request, that one's own event follows.
    ServerError(ServerError),
    /// The server listed its cluster, `host:port` of each listener of this kind.
    Discovered(Vec<String>),
    /// The server is about to stop: move before it does.
    LameDuck,
}

/// What a server wants of a client before it lets it in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// What to sign to prove the possession of a key; absent where the server knows no keys.
    pub nonce: Option<String>,
    /// Whether the server lets nobody in without a name.
    pub auth_required: bool,
}
