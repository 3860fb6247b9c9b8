//! What a client says, as a server reads it.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::SplitAsciiWhitespace;

use bytes::{Buf, Bytes, BytesMut};
use serde::Deserialize;

use super::expulsion::Expulsion;
use crate::subject::Subject;

/// The longest control line that nats-server reads by default, in bytes.
const MAX_CONTROL_LINE: usize = 4_096;

/// One protocol operation from a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientOp {
    /// The client says who it is and what it wants (CONNECT).
    Connect(Box<ClientInfo>),
    /// The client asks for a PONG.
    Ping,
    /// The answer to a PING.
    Pong,
    /// SUB.
    Subscribe {
        /// The subject or pattern.
        subject: Subject,
        /// The queue group, if any.
        queue_group: Option<Subject>,
        /// The client's name for the subscription.
        sid: u64,
    },
    /// UNSUB.
    Unsubscribe {
        /// The subscription.
        sid: u64,
        /// After how many messages, counted from its start; at once where there is none.
        max: Option<u64>,
    },
    /// PUB or HPUB.
    Publish(Publication),
}

/// A message as its publisher sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// What it is published to.
    pub subject: Subject,
    /// Where an answer should go.
    pub reply: Option<Subject>,
    /// The header block as it stands on the wire; none for PUB.
    pub headers: Option<Bytes>,
    /// The body.
    pub payload: Bytes,
}

/// What a client says of itself in CONNECT, as far as a server acts on it. `Debug` shows no
/// secret.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ClientInfo {
    /// The client's name.
    pub name: Option<String>,
    /// Whether it gets its own messages back.
    pub echo: bool,
    /// Whether it understands headers.
    pub headers: bool,
    /// Whether it wants to be told when nobody listens to its request.
    pub no_responders: bool,
    jwt: Option<String>,
    nkey: Option<String>,
    sig: Option<String>,
    user: Option<String>,
    auth_token: Option<String>,
}

impl Default for ClientInfo {
    /// What a client means that leaves everything out.
    fn default() -> Self {
        Self {
            name: None,
            echo: true,
            headers: false,
            no_responders: false,
            jwt: None,
            nkey: None,
            sig: None,
            user: None,
            auth_token: None,
        }
    }
}

impl ClientInfo {
    /// Who the client says that it is: its JWT, key, token or user name.
    pub fn credential(&self) -> Option<&str> {
        [&self.jwt, &self.nkey, &self.auth_token, &self.user]
            .into_iter()
            .find_map(|credential| credential.as_deref())
    }

    /// Whether it signed the nonce, where its credential needs that.
    pub(super) fn is_signed(&self) -> bool {
        self.sig.is_some() || (self.jwt.is_none() && self.nkey.is_none())
    }
}

impl fmt::Debug for ClientInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientInfo")
            .field("name", &self.name)
            .field("nkey", &self.nkey)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// What a client said that no client should. It is at fault, and is cut off.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientFault {
    /// A control line is longer than nats-server reads.
    #[error("a control line exceeds {MAX_CONTROL_LINE} bytes")]
    ControlLineTooLong,
    /// A message is larger than the server takes.
    #[error("a message of {size} bytes is too large")]
    PayloadTooLarge {
        /// Its size in bytes.
        size: usize,
    },
    /// A line is no operation of the protocol.
    #[error("malformed operation: {line:?}")]
    Malformed {
        /// The line, or how it begins.
        line: String,
    },
    /// Something came before CONNECT.
    #[error("said before CONNECT: {line:?}")]
    NotConnected {
        /// The operation.
        line: String,
    },
}

impl ClientFault {
    /// What a server does about it.
    pub fn expulsion(&self) -> Expulsion {
        match self {
            Self::ControlLineTooLong => Expulsion::MaximumControlLine,
            Self::PayloadTooLarge { .. } => Expulsion::MaximumPayload,
            Self::Malformed { .. } => Expulsion::UnknownOperation,
            Self::NotConnected { .. } => Expulsion::AuthorizationViolation,
        }
    }
}

/// Reads a client's operations from bytes in any portions.
///
/// It is stricter than nats-server where a client has no reason to make use of leniency.
#[derive(Debug, Default)]
pub struct ClientDecoder {
    buffer: BytesMut,
    /// The largest message, headers and payload together.
    max_payload: Option<usize>,
}

impl ClientDecoder {
    /// A decoder at the start of a connection, for messages of any size.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bounds the messages from now on, headers and payload together, in bytes.
    pub fn set_max_payload(&mut self, bytes: usize) {
        self.max_payload = Some(bytes);
    }

    /// Takes the next portion.
    pub fn feed(&mut self, portion: &[u8]) {
        self.buffer.extend_from_slice(portion);
    }

    /// The next whole operation, or `None` when more bytes are needed.
    ///
    /// # Errors
    /// Any [`ClientFault`] but `NotConnected`.
    pub fn next_op(&mut self) -> Result<Option<ClientOp>, ClientFault> {
        let end = memchr::memchr(b'\n', &self.buffer);
        if end.unwrap_or(self.buffer.len()) > MAX_CONTROL_LINE {
            return Err(ClientFault::ControlLineTooLong);
        }
        let Some(end) = end else { return Ok(None) };
        let text = core::str::from_utf8(&self.buffer[..end]).ok();
        let line = text.and_then(|text| text.strip_suffix('\r'));
        match line.and_then(parse) {
            Some(Line::Op(op)) => {
                self.buffer.advance(end + 1);
                Ok(Some(op))
            }
            Some(Line::Announced(announced)) => self.complete(end + 1, announced),
            None => Err(malformed(&self.buffer[..end])),
        }
    }

    /// The message that a line announced, if it is all there.
    fn complete(
        &mut self,
        line: usize,
        announced: Announced,
    ) -> Result<Option<ClientOp>, ClientFault> {
        let Announced { subject, reply, headers, total: size } = announced;
        if self.max_payload.is_some_and(|max| size > max) {
            return Err(ClientFault::PayloadTooLarge { size });
        }
        if self.buffer.len() < line + size + 2 {
            return Ok(None);
        }
        self.buffer.advance(line);
        let mut payload = self.buffer.split_to(size).freeze();
        if !self.buffer.starts_with(b"\r\n") {
            return Err(malformed(&self.buffer[..2]));
        }
        self.buffer.advance(2);
        let headers = headers.map(|len| payload.split_to(len));
        Ok(Some(ClientOp::Publish(Publication { subject, reply, headers, payload })))
    }
}

fn malformed(line: &[u8]) -> ClientFault {
    ClientFault::Malformed { line: line[..line.len().min(80)].escape_ascii().to_string() }
}

enum Line {
    Op(ClientOp),
    Announced(Announced),
}

struct Announced {
    subject: Subject,
    reply: Option<Subject>,
    headers: Option<usize>,
    total: usize,
}

/// Reads a line without its end; `None` when it is no operation.
fn parse(line: &str) -> Option<Line> {
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    let mut parts = rest.split_ascii_whitespace();
    let op = match verb {
        "CONNECT" => return serde_json::from_str(rest).ok().map(ClientOp::Connect).map(Line::Op),
        "PING" => ClientOp::Ping,
        "PONG" => ClientOp::Pong,
        "SUB" => subscribe(&mut parts)?,
        "UNSUB" => {
            ClientOp::Unsubscribe { sid: number(parts.next()?)?, max: optional(&mut parts)? }
        }
        "PUB" => return publish(&mut parts, false).map(Line::Announced),
        "HPUB" => return publish(&mut parts, true).map(Line::Announced),
        _ => return None,
    };
    parts.next().is_none().then_some(Line::Op(op))
}

fn subscribe(parts: &mut SplitAsciiWhitespace<'_>) -> Option<ClientOp> {
    let (subject, second) = (parts.next()?, parts.next()?);
    let subject = Subject::validated(subject).ok()?;
    let (queue_group, sid) = match parts.next() {
        Some(sid) => (Some(Subject::from(second)), sid),
        None => (None, second),
    };
    Some(ClientOp::Subscribe { subject, queue_group, sid: number(sid)? })
}

/// The parts after the verb: a subject, perhaps a reply subject, one size or two.
fn publish(parts: &mut SplitAsciiWhitespace<'_>, with_headers: bool) -> Option<Announced> {
    let subject = Subject::validated(parts.next()?).ok()?;
    let tail: Vec<&str> = parts.collect();
    let sizes = 1 + usize::from(with_headers);
    let (reply, sizes) = tail.split_at(tail.len().checked_sub(sizes)?);
    let reply = match reply {
        [] => None,
        [reply] => Some(Subject::validated(reply).ok()?),
        _ => return None,
    };
    let sizes: Option<Vec<u64>> = sizes.iter().map(|size| number(size)).collect();
    let (headers, total) = match sizes?[..] {
        [total] => (None, total),
        [headers, total] if headers <= total => (Some(usize::try_from(headers).ok()?), total),
        _ => return None,
    };
    Some(Announced { subject, reply, headers, total: usize::try_from(total).ok()? })
}

fn number(digits: &str) -> Option<u64> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

/// A number that may be left out: `None` when what stands there is none.
fn optional(parts: &mut SplitAsciiWhitespace<'_>) -> Option<Option<u64>> {
    parts.next().map_or(Some(None), |digits| number(digits).map(Some))
}
