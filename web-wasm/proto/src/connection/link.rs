//! What a connection knows of one transport.

use bytes::BytesMut;

use super::config::Config;
use super::keepalive::{KeepAlive, Ping};
use crate::codec::{Decoder, encode};
use crate::info::ServerInfo;
use crate::server_error::ServerError;
use crate::time::Instant;

/// Which of a connection's transports: there are two while one takes the other's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Via {
    /// The one that carries the connection.
    Present,
    /// The one that is to take its place, by [`Connection::handover`](super::Connection::handover).
    Next,
}

/// One transport's side of a connection, from dialling to its end.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) phase: Phase,
    /// What the server said of itself last.
    pub(super) info: ServerInfo,
    /// The last error that the server will close the transport for.
    pub(super) fatal_error: Option<ServerError>,
    pub(super) decoder: Decoder,
    /// What goes out ahead of the messages: the handshake, and control operations while messages
    /// wait for, or have left for, another transport.
    pub(super) control: BytesMut,
    pub(super) keepalive: KeepAlive,
    /// When the last PING was sent that the server has answered: it has said all before that.
    pub(super) complete_until: Instant,
    /// When anything came for the last time.
    pub(super) last_heard: Instant,
}

/// How far a transport has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// There is none.
    Disconnected,
    /// It is being opened, or is open and the server has not spoken.
    Dialing { deadline: Instant },
    /// INFO has come; the caller looks for its credentials.
    Challenged { deadline: Instant },
    /// CONNECT has gone; the server decides.
    Authenticating { deadline: Instant },
    /// The client is in.
    Connected,
    /// The caller closed the connection, for good.
    Closed,
}

impl Link {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            phase: Phase::Disconnected,
            info: ServerInfo::default(),
            fatal_error: None,
            decoder: Decoder::new(config.limits),
            control: BytesMut::new(),
            keepalive: KeepAlive::new(config.ping_interval, config.max_pings_unanswered),
            complete_until: Instant::ORIGIN,
            last_heard: Instant::ORIGIN,
        }
    }

    /// A transport is being opened.
    pub(super) fn dial(&mut self, now: Instant, config: &Config) {
        self.phase = Phase::Dialing { deadline: now + config.connect_timeout };
        self.decoder = Decoder::new(config.limits);
    }

    pub(super) fn has_transport(&self) -> bool {
        !matches!(self.phase, Phase::Disconnected | Phase::Closed)
    }

    /// Asks the server, ahead of the messages that wait: its PONG says that what goes out before this
    /// is done.
    pub(super) fn ask(&mut self, ping: Ping) {
        encode::ping(&mut self.control);
        self.keepalive.sent(ping);
    }

    /// Until when the server has to let the client in.
    pub(super) fn handshake_deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Dialing { deadline }
            | Phase::Challenged { deadline }
            | Phase::Authenticating { deadline } => Some(deadline),
            _ => None,
        }
    }

    /// Whether the server has been told who is there, so that operations may follow.
    pub(super) fn takes_operations(&self) -> bool {
        matches!(self.phase, Phase::Authenticating { .. } | Phase::Connected)
    }
}
