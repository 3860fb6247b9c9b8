//! The state machine of a client's connection, over any number of transports one after another.

mod command;
mod config;
mod copies;
mod error;
mod event;
mod gap;
mod handover;
mod in_order;
mod input;
mod keepalive;
mod link;
mod outbound;
mod requests;
mod segments;
mod settling;
mod subscriptions;

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::{Bytes, BytesMut};

pub use self::command::RequestPlan;
pub use self::config::{Auth, Config, Statistics};
pub use self::error::{
    DisconnectReason, EndReason, FlushError, PublishError, RequestError, Response, SubscribeError,
    TransportClosed,
};
pub use self::event::{Challenge, Event};
pub use self::gap::{Gap, Interrupted};
pub use self::link::Via;

use self::gap::OpenGap;
use self::handover::Handover;
use self::keepalive::{Ping, Purpose};
use self::link::{Link, Phase};
use self::outbound::Outbound;
use self::requests::Requests;
use self::settling::Settling;
use self::subscriptions::Subscriptions;
use crate::codec::{DecodeError, encode};
use crate::info::ServerInfo;
use crate::nuid::Nuid;
use crate::op::ServerOp;
use crate::time::Instant;

/// A request on its way; unique within its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(u64);

/// A flush on its way; unique within its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlushId(u64);

/// A client's connection: subscriptions, requests and messages waiting to be sent outlive each
/// single transport.
///
/// # How to drive it
/// Tell it what happens, in any order:
/// - [`dialing`](Self::dialing) when a transport begins to be opened,
/// - [`handle_input`](Self::handle_input) for bytes that arrive,
/// - [`handle_closed`](Self::handle_closed) when the transport ends,
/// - [`handle_timeout`](Self::handle_timeout) when the moment of `poll_timeout` has come,
/// - [`authenticate`](Self::authenticate) in answer to [`Event::Challenge`],
/// - [`handover`](Self::handover) when a second transport begins to be opened, to take the place
///   of the first,
/// - commands such as [`publish`](Self::publish) whenever the application wants.
///
/// After any of these, and before the next portion of input:
/// 1. call [`poll_event`](Self::poll_event) until it has no more,
/// 2. call [`poll_transmit`](Self::poll_transmit) and send what it gives, as long as the
///    transport takes it,
/// 3. set one timer to [`poll_timeout`](Self::poll_timeout).
///
/// On [`Event::Disconnected`] drop the transport; dial again, or not.
///
/// # Messages
/// Each message that [`publish`](Self::publish) takes is handed to a transport at most once. If
/// that breaks before the server confirmed it, [`Event::Disconnected`] counts it as unconfirmed.
///
/// Never panics, whatever the input and the order of calls.
///
/// ```
/// use nats_proto::connection::{Auth, Via};
/// use nats_proto::{Bytes, Config, Connection, Event, Instant};
///
/// let now = Instant::ORIGIN;
/// let mut connection = Connection::new(Config::default(), [7; 32]);
/// let sid = connection.subscribe(&"greetings".into(), None).unwrap();
///
/// connection.dialing(now);
/// connection.handle_input(now, Via::Present, Bytes::from_static(b"INFO {\"server_name\":\"n1\"}\r\n"));
/// assert!(matches!(connection.poll_event(), Some(Event::Challenge { .. })));
/// connection.authenticate(now, Via::Present, Auth::default());
/// let said = connection.poll_transmit(Via::Present, 4096).unwrap();
/// assert!(said.starts_with(b"CONNECT {") && said.ends_with(b"SUB greetings 1\r\nPING\r\n"));
///
/// let answer = Bytes::from_static(b"PONG\r\nMSG greetings 1 5\r\nhello\r\n");
/// connection.handle_input(now, Via::Present, answer);
/// assert_eq!(connection.poll_event(), Some(Event::Connected));
/// let Some(Event::Message { sid: 1, message }) = connection.poll_event() else { panic!() };
/// assert_eq!(&message.payload[..], b"hello");
/// ```
#[derive(Debug)]
pub struct Connection {
    config: Config,
    now: Instant,
    link: Link,
    /// A transport that is to take the place of the present one.
    handover: Option<Handover>,
    /// How many questions handovers have asked.
    questions: u32,
    /// What is known of copies that may still come after a handover.
    settling: Option<Settling>,
    /// Since when messages may be missed, if that is so.
    gap: Option<OpenGap>,
    outbound: Outbound,
    subscriptions: Subscriptions,
    requests: Requests,
    flushes: Vec<Flush>,
    last_flush: u64,
    /// Whether new subscriptions are refused since the connection is to be closed.
    draining: bool,
    events: VecDeque<Event>,
    nuid: Nuid,
    /// What strangers do not know: where what they say is put, they can't choose.
    seed: usize,
    statistics: Statistics,
}

/// A flush that is not decided.
#[derive(Clone, Copy, Debug)]
struct Flush {
    id: FlushId,
    deadline: Instant,
    timeout: Duration,
    /// Whether its PING is in the outbound buffer or on its way.
    asked: bool,
}

impl Connection {
    /// A connection without a transport. `entropy` are random bytes from the system's generator,
    /// which make its inboxes its own.
    pub fn new(config: Config, entropy: [u8; 32]) -> Self {
        let mut nuid = Nuid::new(entropy);
        let [.., a, b, c, d] = entropy;
        let inbox = format!("{}.{}", config.inbox_prefix, nuid.next());
        Self {
            now: Instant::ORIGIN,
            link: Link::new(&config),
            handover: None,
            questions: 0,
            settling: None,
            gap: None,
            outbound: Outbound::new(config.outbound_limit),
            subscriptions: Subscriptions::default(),
            requests: Requests::new(inbox),
            flushes: Vec::new(),
            last_flush: 0,
            draining: false,
            events: VecDeque::new(),
            nuid,
            seed: u32::from_le_bytes([a, b, c, d]) as usize,
            statistics: Statistics::default(),
            config,
        }
    }

    /// What the server said of itself last; all defaults before the first INFO.
    pub fn server_info(&self) -> &ServerInfo {
        &self.link.info
    }

    /// Whether the server has let the client in and the transport is not known to be broken.
    pub fn is_connected(&self) -> bool {
        self.link.phase == Phase::Connected
    }

    /// Whether the caller closed it.
    pub fn is_closed(&self) -> bool {
        self.link.phase == Phase::Closed
    }

    /// What went in and out so far.
    pub fn statistics(&self) -> Statistics {
        self.statistics
    }

    /// Bytes that wait to be handed to a transport.
    pub fn outbound_len(&self) -> usize {
        self.outbound.len()
    }

    /// Whether [`poll_transmit`](Self::poll_transmit) has something to give.
    pub fn has_outbound(&self, via: Via) -> bool {
        match (via, &self.handover) {
            (Via::Present, None) => {
                !self.link.control.is_empty() || (self.is_connected() && self.outbound.len() > 0)
            }
            (Via::Present, Some(handover)) => {
                let messages = handover.rest.as_ref().unwrap_or(&self.outbound);
                !self.link.control.is_empty() || messages.len() > 0
            }
            (Via::Next, Some(handover)) => !handover.link.control.is_empty(),
            (Via::Next, None) => false,
        }
    }

    /// Whether [`publish`](Self::publish) has room.
    pub fn has_capacity(&self) -> bool {
        self.outbound.len() < self.config.outbound_limit
    }

    /// A transport is being opened. The server must have let the client in within
    /// [`Config::connect_timeout`] from now. Does nothing while there is a transport already, or
    /// after [`close`](Self::close).
    pub fn dialing(&mut self, now: Instant) {
        self.now = now;
        if self.link.phase == Phase::Disconnected {
            self.link.dial(now, &self.config);
        }
    }

    /// Bytes arrived. They are read by [`poll_event`](Self::poll_event).
    pub fn handle_input(&mut self, now: Instant, via: Via, bytes: Bytes) {
        self.now = now;
        let len = bytes.len() as u64;
        if let Some(link) = self.link_mut(via).filter(|link| link.has_transport()) {
            link.decoder.feed(bytes);
            link.last_heard = now;
            self.statistics.in_bytes += len;
        }
    }

    /// A transport ended by itself, or could not be opened.
    pub fn handle_closed(&mut self, now: Instant, via: Via, closed: TransportClosed) {
        self.now = now;
        self.read_ahead();
        match via {
            Via::Present => {
                let error = self.link.fatal_error.take();
                self.disconnect(DisconnectReason::TransportClosed { closed, error });
            }
            Via::Next => self.next_closed(closed),
        }
    }

    /// Gives up the transport so that the caller dials another, which is told by
    /// [`Event::Disconnected`]. Does nothing without one.
    pub fn reconnect(&mut self, now: Instant) {
        self.now = now;
        self.read_ahead();
        self.disconnect(DisconnectReason::Reconnect);
    }

    /// There is reason to doubt the connection, as after the machine slept or changed networks: the
    /// server is asked at once, and given up if it does not answer within seconds. Does nothing
    /// while there is no connection.
    pub fn doubt(&mut self, now: Instant) {
        self.now = now;
        if self.link.phase == Phase::Connected && self.link.keepalive.doubt(now) {
            self.send_ping(Via::Present, Purpose::KeepAlive);
        }
    }

    /// The caller's answer to [`Event::Challenge`]: who the client is. Does nothing when no
    /// challenge is open.
    pub fn authenticate(&mut self, now: Instant, via: Via, auth: Auth) {
        self.now = now;
        let connect = self.config.connect_info(auth);
        let Some(link) = self.link_mut(via) else { return };
        let Phase::Challenged { deadline } = link.phase else { return };
        encode::connect(&mut link.control, &connect);
        link.phase = Phase::Authenticating { deadline };
        // The subscriptions go before the PING: its PONG then says that they are in place.
        match via {
            Via::Present => self.subscriptions.write(&mut self.link.control),
            Via::Next => self.write_subscriptions_of_next(),
        }
        let ping = Ping { purpose: Purpose::Handshake, at: now, covered: 0 };
        if let Some(link) = self.link_mut(via) {
            link.ask(ping);
        }
    }

    /// The caller has no answer to [`Event::Challenge`], for the reason given. The attempt is
    /// over. Does nothing when no challenge is open.
    pub fn authentication_failed(&mut self, now: Instant, via: Via, reason: &str) {
        self.now = now;
        let challenged = |link: &mut Link| matches!(link.phase, Phase::Challenged { .. });
        if self.link_mut(via).is_some_and(challenged) {
            self.end_transport(via, DisconnectReason::Credentials(reason.into()));
        }
    }

    /// Time has passed. Feed the input that has arrived before, so that a late timer does not
    /// judge a server whose answer is already here.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        while let Some(ended) = self.requests.expire(now) {
            self.end_request(ended, Err(RequestError::TimedOut { timeout: ended.timeout }));
        }
        self.expire_flushes();
        self.handover_timeout();
        if self.link.handshake_deadline().is_some_and(|deadline| deadline <= now) {
            let timeout = self.config.connect_timeout;
            let error = self.link.fatal_error.take();
            return self.disconnect(DisconnectReason::ConnectTimeout { timeout, error });
        }
        match self.link.keepalive.due(now) {
            keepalive::Due::Nothing => {}
            keepalive::Due::Ping => self.send_ping(Via::Present, Purpose::KeepAlive),
            keepalive::Due::Stale { unanswered } => {
                self.disconnect(DisconnectReason::Stale { unanswered });
            }
        }
    }

    /// The next thing to know, or `None` until something else happens.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.poll(false)
    }

    /// The same, but messages that come one after the other and are alike but for their payloads may
    /// be told together, by [`Event::Messages`]. Either may be called each time.
    pub fn poll_events(&mut self) -> Option<Event> {
        self.poll(true)
    }

    fn poll(&mut self, together: bool) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            if !self.link.has_transport() {
                return None;
            }
            if let Some(whole) = self.link.decoder.whole() {
                match self.handle_whole(&whole, together) {
                    None => continue,
                    event => return event,
                }
            }
            let (via, op) = match self.link.decoder.next_op_in_parts() {
                Ok(None) => (Via::Next, self.next_op_of_next()),
                op => (Via::Present, op),
            };
            match op {
                Ok(Some(op)) => {
                    if let Some(event) = self.handle_op(via, op) {
                        return Some(event);
                    }
                }
                Ok(None) => return None,
                Err(error) => self.end_transport(via, DisconnectReason::Protocol(error)),
            }
        }
    }

    /// Bytes to send, or `None` when there are none. They are whole operations, and messages come
    /// at most `max` bytes at a time unless a single one is larger. What is taken counts as sent.
    pub fn poll_transmit(&mut self, via: Via, max: usize) -> Option<Bytes> {
        if !self.has_outbound(via) {
            return None;
        }
        let rest = self.handover.as_mut().and_then(|handover| handover.rest.as_mut());
        // What waited when the next transport took over is sent before what is said to leave.
        let rest = rest.filter(|_| via == Via::Present).and_then(|rest| rest.transmit(max));
        let bytes = match rest {
            Some(bytes) => bytes,
            None => match &mut self.link_mut(via)?.control {
                control if control.is_empty() => self.outbound.transmit(max)?,
                control => control.split(),
            },
        };
        self.statistics.out_bytes += bytes.len() as u64;
        Some(bytes.freeze())
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called, if ever.
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        let flushes = self.flushes.iter().map(|flush| flush.deadline).min();
        let deadlines = [
            self.link.handshake_deadline(),
            self.link.keepalive.deadline(),
            self.handover.as_ref().and_then(Handover::deadline),
            self.settling.as_ref().and_then(Settling::deadline),
            self.requests.next_deadline(),
            flushes,
        ];
        deadlines.into_iter().flatten().min()
    }

    /// A fresh inbox under the connection's prefix: a subject that nobody else publishes to.
    pub fn new_inbox(&mut self) -> String {
        format!("{}.{}", self.config.inbox_prefix, self.nuid.next())
    }

    /// A fresh identifier, for what needs a name that nobody else gives.
    pub fn new_nuid(&mut self) -> String {
        self.nuid.next()
    }

    fn link_mut(&mut self, via: Via) -> Option<&mut Link> {
        match via {
            Via::Present => Some(&mut self.link),
            Via::Next => self.handover.as_mut().map(|handover| &mut handover.link),
        }
    }

    fn next_op_of_next(&mut self) -> Result<Option<ServerOp>, DecodeError> {
        match &mut self.handover {
            // Its messages come after the last ones of the transport that is being left.
            Some(handover) if !handover.is_leaving() => handover.link.decoder.next_op(),
            _ => Ok(None),
        }
    }

    /// Writes control operations to where they go out in order; to nowhere when there is no server
    /// that has been told who is there, for which the next handshake makes up.
    fn control(&mut self, via: Via, write: impl FnOnce(&mut BytesMut)) {
        let turned = self.handover.as_ref().is_some_and(Handover::has_turned);
        if via == Via::Present && self.link.phase == Phase::Connected && !turned {
            self.outbound.control(write);
        } else if let Some(link) = self.link_mut(via).filter(|link| link.takes_operations()) {
            write(&mut link.control);
        }
    }

    fn send_ping(&mut self, via: Via, purpose: Purpose) {
        // How many messages the server has before it.
        let rest = self.handover.as_ref().and_then(|handover| handover.rest.as_ref());
        let covered = match via {
            Via::Present => rest.unwrap_or(&self.outbound).queued(),
            Via::Next => 0,
        };
        let ping = Ping { purpose, at: self.now, covered };
        if let Some(link) = self.link_mut(via) {
            link.keepalive.sent(ping);
            self.control(via, encode::ping);
        }
    }

    /// A transport is given up.
    fn end_transport(&mut self, via: Via, reason: DisconnectReason) {
        match via {
            Via::Present => self.disconnect(reason),
            Via::Next => self.fail_handover(&reason),
        }
    }

    /// Ends the present transport: everything that depends on it is decided, everything that
    /// outlives it waits for the next.
    fn disconnect(&mut self, reason: DisconnectReason) {
        if !self.link.has_transport() {
            return;
        }
        if self.can_be_rescued(&reason) {
            return self.promote(Some(reason));
        }
        if self.link.phase == Phase::Connected {
            self.open_gap();
        }
        self.link.phase = match reason {
            DisconnectReason::ClosedByCaller => Phase::Closed,
            _ => Phase::Disconnected,
        };
        self.fail_handover(&reason);
        self.settling = None;
        self.link.control.clear();
        self.link.fatal_error = None;
        let unanswered = self.link.keepalive.stop();
        self.end_questions(unanswered);
        let unsent = self.outbound.give_up_requests();
        self.end_unsent(unsent);
        let unconfirmed = self.reset_outbound();
        self.events.push_back(Event::Disconnected { reason, unconfirmed });
    }

    /// The present transport is over: messages wait for another. Returns how many were handed to it
    /// and not confirmed.
    fn reset_outbound(&mut self) -> u64 {
        let unconfirmed = self.outbound.reset();
        self.statistics.unconfirmed += unconfirmed;
        unconfirmed
    }
}

#[cfg(test)]
mod tests;
