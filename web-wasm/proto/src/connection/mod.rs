//! The state machine of a client's connection, over any number of transports one after another.

mod command;
mod config;
mod error;
mod event;
mod input;
mod keepalive;
mod outbound;
mod requests;
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

use self::keepalive::{KeepAlive, Ping, Purpose};
use self::outbound::Outbound;
use self::requests::Requests;
use self::subscriptions::Subscriptions;
use crate::codec::{Decoder, encode};
use crate::info::ServerInfo;
use crate::nuid::Nuid;
use crate::server_error::ServerError;
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
/// use nats_proto::connection::Auth;
/// use nats_proto::{Bytes, Config, Connection, Event, Instant};
///
/// let now = Instant::ORIGIN;
/// let mut connection = Connection::new(Config::default(), [7; 32]);
/// let sid = connection.subscribe(&"greetings".into(), None).unwrap();
///
/// connection.dialing(now);
/// connection.handle_input(now, Bytes::from_static(b"INFO {\"server_name\":\"n1\"}\r\n"));
/// assert!(matches!(connection.poll_event(), Some(Event::Challenge(_))));
/// connection.authenticate(now, Auth::default());
/// let said = connection.poll_transmit(4096).unwrap();
/// assert!(said.starts_with(b"CONNECT {") && said.ends_with(b"SUB greetings 1\r\nPING\r\n"));
///
/// connection.handle_input(now, Bytes::from_static(b"PONG\r\nMSG greetings 1 5\r\nhello\r\n"));
/// assert_eq!(connection.poll_event(), Some(Event::Connected));
/// let Some(Event::Message { sid: 1, message }) = connection.poll_event() else { panic!() };
/// assert_eq!(&message.payload[..], b"hello");
/// ```
#[derive(Debug)]
pub struct Connection {
    config: Config,
    phase: Phase,
    now: Instant,
    info: ServerInfo,
    /// The last error of this transport that the server will close it for.
    fatal_error: Option<ServerError>,
    decoder: Decoder,
    /// What goes out before the server has let the client in, ahead of `outbound`.
    handshake: BytesMut,
    outbound: Outbound,
    subscriptions: Subscriptions,
    requests: Requests,
    keepalive: KeepAlive,
    flushes: Vec<Flush>,
    last_flush: u64,
    /// Whether new subscriptions are refused since the connection is to be closed.
    draining: bool,
    events: VecDeque<Event>,
    nuid: Nuid,
    statistics: Statistics,
}

/// How far the connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No transport.
    Disconnected,
    /// A transport is being opened, or is open and the server has not spoken.
    Dialing { deadline: Instant },
    /// INFO has come; the caller looks for its credentials.
    Challenged { deadline: Instant },
    /// CONNECT has gone; the server decides.
    Authenticating { deadline: Instant },
    /// The client is in.
    Connected,
    /// The caller closed it, for good.
    Closed,
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
        let inbox = format!("{}.{}", config.inbox_prefix, nuid.next());
        Self {
            phase: Phase::Disconnected,
            now: Instant::ORIGIN,
            info: ServerInfo::default(),
            fatal_error: None,
            decoder: Decoder::new(config.limits),
            handshake: BytesMut::new(),
            outbound: Outbound::new(config.outbound_limit),
            subscriptions: Subscriptions::default(),
            requests: Requests::new(inbox),
            keepalive: KeepAlive::new(config.ping_interval, config.max_pings_unanswered),
            flushes: Vec::new(),
            last_flush: 0,
            draining: false,
            events: VecDeque::new(),
            nuid,
            statistics: Statistics::default(),
            config,
        }
    }

    /// What the server said of itself last; all defaults before the first INFO.
    pub fn server_info(&self) -> &ServerInfo {
        &self.info
    }

    /// Whether the server has let the client in and the transport is not known to be broken.
    pub fn is_connected(&self) -> bool {
        self.phase == Phase::Connected
    }

    /// Whether the caller closed it.
    pub fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
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
    pub fn has_outbound(&self) -> bool {
        !self.handshake.is_empty() || (self.is_connected() && self.outbound.len() > 0)
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
        if self.phase == Phase::Disconnected {
            self.phase = Phase::Dialing { deadline: now + self.config.connect_timeout };
            self.decoder = Decoder::new(self.config.limits);
        }
    }

    /// Bytes arrived. They are read by [`poll_event`](Self::poll_event).
    pub fn handle_input(&mut self, now: Instant, bytes: Bytes) {
        self.now = now;
        if self.has_transport() {
            self.statistics.in_bytes += bytes.len() as u64;
            self.decoder.feed(bytes);
        }
    }

    /// The transport ended by itself, or could not be opened.
    pub fn handle_closed(&mut self, now: Instant, closed: TransportClosed) {
        self.now = now;
        self.read_ahead();
        let error = self.fatal_error.take();
        self.disconnect(DisconnectReason::TransportClosed { closed, error });
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
        if self.phase == Phase::Connected && self.keepalive.doubt(now) {
            self.send_ping(Purpose::KeepAlive);
        }
    }

    /// The caller's answer to [`Event::Challenge`]: who the client is. Does nothing when no
    /// challenge is open.
    pub fn authenticate(&mut self, now: Instant, auth: Auth) {
        self.now = now;
        let Phase::Challenged { deadline } = self.phase else { return };
        let connect = self.config.connect_info(auth);
        if let Err(error) = encode::connect(&mut self.handshake, &connect) {
            let reason = format!("{error}").into_boxed_str();
            return self.disconnect(DisconnectReason::Credentials(reason));
        }
        // The subscriptions go before the PING: its PONG then says that they are in place.
        self.subscriptions.write(&mut self.handshake);
        encode::ping(&mut self.handshake);
        self.keepalive.sent(Ping { purpose: Purpose::Handshake, at: now, covered: 0 });
        self.phase = Phase::Authenticating { deadline };
    }

    /// The caller has no answer to [`Event::Challenge`], for the reason given. The attempt is
    /// over. Does nothing when no challenge is open.
    pub fn authentication_failed(&mut self, now: Instant, reason: &str) {
        self.now = now;
        if let Phase::Challenged { .. } = self.phase {
            self.disconnect(DisconnectReason::Credentials(reason.into()));
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
        match self.phase {
            Phase::Dialing { deadline }
            | Phase::Challenged { deadline }
            | Phase::Authenticating { deadline }
                if deadline <= now =>
            {
                let timeout = self.config.connect_timeout;
                let error = self.fatal_error.take();
                self.disconnect(DisconnectReason::ConnectTimeout { timeout, error });
            }
            _ => match self.keepalive.due(now) {
                keepalive::Due::Nothing => {}
                keepalive::Due::Ping => self.send_ping(Purpose::KeepAlive),
                keepalive::Due::Stale { unanswered } => {
                    self.disconnect(DisconnectReason::Stale { unanswered });
                }
            },
        }
    }

    /// The next thing to know, or `None` until something else happens.
    pub fn poll_event(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            if !self.has_transport() {
                return None;
            }
            match self.decoder.next_op() {
                Ok(Some(op)) => {
                    if let Some(event) = self.handle_op(op) {
                        return Some(event);
                    }
                }
                Ok(None) => return None,
                Err(error) => self.disconnect(DisconnectReason::Protocol(error)),
            }
        }
    }

    /// Bytes to send, or `None` when there are none. They are whole operations, and at most
    /// `max` bytes unless a single message is larger. What is taken counts as sent.
    pub fn poll_transmit(&mut self, max: usize) -> Option<Bytes> {
        let bytes = if !self.handshake.is_empty() {
            self.handshake.split().freeze()
        } else if self.phase == Phase::Connected {
            self.outbound.transmit(max)?
        } else {
            return None;
        };
        self.statistics.out_bytes += bytes.len() as u64;
        Some(bytes)
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called, if ever.
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        let handshake = match self.phase {
            Phase::Dialing { deadline }
            | Phase::Challenged { deadline }
            | Phase::Authenticating { deadline } => Some(deadline),
            _ => None,
        };
        let flushes = self.flushes.iter().map(|flush| flush.deadline).min();
        let deadlines =
            [handshake, self.keepalive.deadline(), self.requests.next_deadline(), flushes];
        deadlines.into_iter().flatten().min()
    }

    /// A fresh inbox under the connection's prefix: a subject that nobody else publishes to.
    pub fn new_inbox(&mut self) -> String {
        format!("{}.{}", self.config.inbox_prefix, self.nuid.next())
    }

    fn has_transport(&self) -> bool {
        !matches!(self.phase, Phase::Disconnected | Phase::Closed)
    }

    /// Where control operations go: ahead of everything while the handshake lasts.
    fn control(&mut self, write: impl FnOnce(&mut BytesMut)) {
        match self.phase {
            Phase::Connected => self.outbound.control(write),
            Phase::Authenticating { .. } => write(&mut self.handshake),
            // The next handshake makes up for them.
            _ => {}
        }
    }

    fn send_ping(&mut self, purpose: Purpose) {
        let covered = self.outbound.queued();
        self.keepalive.sent(Ping { purpose, at: self.now, covered });
        self.outbound.control(encode::ping);
    }

    /// Ends the transport: everything that depends on it is decided, everything that outlives it
    /// waits for the next.
    fn disconnect(&mut self, reason: DisconnectReason) {
        if !self.has_transport() {
            return;
        }
        self.phase = match reason {
            DisconnectReason::ClosedByCaller => Phase::Closed,
            _ => Phase::Disconnected,
        };
        self.handshake.clear();
        self.fatal_error = None;
        for ping in self.keepalive.stop() {
            match ping.purpose {
                Purpose::Flush(flush) => self.decide_flush(flush, Err(FlushError::Disconnected)),
                // What was on its way will not come any more.
                Purpose::Drain { sid } => self.end_subscription(sid, EndReason::Drained),
                Purpose::Handshake | Purpose::KeepAlive => {}
            }
        }
        let unconfirmed = self.outbound.reset();
        self.statistics.unconfirmed += unconfirmed;
        self.events.push_back(Event::Disconnected { reason, unconfirmed });
    }
}

#[cfg(test)]
mod tests;
