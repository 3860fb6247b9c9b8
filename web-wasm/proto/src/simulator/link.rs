//! A server's end of a client's connection.

use alloc::collections::{BTreeMap, VecDeque};

use bytes::{Buf, Bytes, BytesMut};
use bytestring::ByteString;

use super::client_op::{ClientDecoder, ClientInfo};
use super::expulsion::Expulsion;
use super::script::{Framing, ServerId};
use crate::connection::TransportClosed;
use crate::subject::Subject;

/// A client's connection to a server of a [`World`](super::World), from the opening of its
/// websocket to the end; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub(super) u64);

/// What comes out of a server for one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerOutput {
    /// The payload of a websocket message.
    Frame(Bytes),
    /// The connection is over. Nothing follows.
    Closed(TransportClosed),
}

/// A subscription as a server knows it.
#[derive(Clone, Debug)]
pub(super) struct Subscribed {
    pub(super) subject: Subject,
    pub(super) queue_group: Option<Subject>,
    pub(super) max: Option<u64>,
    pub(super) delivered: u64,
}

#[derive(Debug)]
pub(super) struct Link {
    pub(super) server: ServerId,
    pub(super) decoder: ClientDecoder,
    /// What it was sent and has not read.
    pub(super) unread: BytesMut,
    /// Who the client is, once it was let in.
    pub(super) client: Option<ClientInfo>,
    pub(super) subscriptions: BTreeMap<u64, Subscribed>,
    /// PINGs that are not answered.
    pub(super) pings: u64,
    pub(super) pongs: u64,
    /// Whether it says nothing and hears nothing any more.
    pub(super) silent: bool,
    output: VecDeque<Bytes>,
    /// How many bytes were put into `output` so far, and how many were taken out.
    written: u64,
    sent: u64,
    /// Where in its output the connection breaks.
    cut_at: Option<u64>,
    /// How the connection ends after what is written.
    end: Option<TransportClosed>,
}

impl Link {
    pub(super) fn new(server: ServerId) -> Self {
        Self {
            server,
            decoder: ClientDecoder::new(),
            unread: BytesMut::new(),
            client: None,
            subscriptions: BTreeMap::new(),
            pings: 0,
            pongs: 0,
            silent: false,
            output: VecDeque::new(),
            written: 0,
            sent: 0,
            cut_at: None,
            end: None,
        }
    }

    /// Whether it still hears and says something.
    pub(super) fn is_open(&self) -> bool {
        !self.silent && self.end.is_none()
    }

    /// Writes an operation and returns where in all of the output it ends; `None` when it was not
    /// written.
    pub(super) fn write(&mut self, op: Bytes) -> Option<u64> {
        if !self.is_open() {
            return None;
        }
        self.written += op.len() as u64;
        self.output.push_back(op);
        Some(self.written)
    }

    /// Answers each PING that waits for it, if it is to answer any.
    pub(super) fn answer_pings(&mut self, answers: bool) {
        while answers && self.pings > 0 {
            self.pings -= 1;
            self.write(Bytes::from_static(b"PONG\r\n"));
        }
    }

    /// Says why, and ends.
    pub(super) fn expel(&mut self, expulsion: Expulsion) {
        if let Some(text) = expulsion.text() {
            self.error(text);
        }
        self.close(expulsion.closed());
    }

    pub(super) fn error(&mut self, text: &str) {
        self.write(Bytes::from(alloc::format!("-ERR '{text}'\r\n")));
    }

    /// Ends when all that is written was sent.
    pub(super) fn close(&mut self, closed: TransportClosed) {
        self.end.get_or_insert(closed);
        self.subscriptions.clear();
    }

    /// Breaks when `bytes` more were sent, if it was not to break before.
    pub(super) fn cut_after(&mut self, bytes: u64) {
        let at = self.sent + bytes;
        self.cut_at = Some(self.cut_at.map_or(at, |before| before.min(at)));
    }

    /// How many bytes may still be sent before it breaks.
    fn allowance(&self) -> usize {
        let left = self.cut_at.map_or(u64::MAX, |at| at.saturating_sub(self.sent));
        usize::try_from(left).unwrap_or(usize::MAX)
    }

    pub(super) fn poll_output(
        &mut self,
        framing: Framing,
        rng: &mut fastrand::Rng,
    ) -> Option<ServerOutput> {
        if self.silent {
            return None;
        }
        let allowance = self.allowance();
        if allowance == 0 {
            let reason = ByteString::new();
            let cut = TransportClosed { code: 1006, reason };
            return Some(ServerOutput::Closed(cut));
        }
        let wanted = match framing {
            Framing::Operations => self.output.front().map_or(0, Bytes::len),
            Framing::Bytes(bytes) => bytes.max(1),
            Framing::Random(bytes) => rng.usize(1..=bytes.max(1)),
            Framing::Joined => usize::MAX,
        };
        match self.take(wanted.min(allowance)) {
            Some(frame) => Some(ServerOutput::Frame(frame)),
            None => self.end.clone().map(ServerOutput::Closed),
        }
    }

    /// Takes up to `wanted` bytes out of the output.
    fn take(&mut self, wanted: usize) -> Option<Bytes> {
        let mut frame = BytesMut::new();
        while let Some(op) = self.output.front_mut() {
            let len = op.len().min(wanted - frame.len());
            frame.extend_from_slice(&op[..len]);
            op.advance(len);
            if !op.is_empty() {
                break;
            }
            self.output.pop_front();
        }
        self.sent += frame.len() as u64;
        (!frame.is_empty()).then(|| frame.freeze())
    }
}
