//! The incremental decoder.

use alloc::boxed::Box;
use alloc::string::{String, ToString};

use bytes::{Buf, Bytes, BytesMut};

pub(crate) use self::whole::Whole;
use crate::header::HeaderBlock;
use crate::info::ServerInfo;
use crate::message::Message;
use crate::op::ServerOp;
use crate::quoted::Quoted;
use crate::run::Run;
use crate::subject::{Subject, text_from_wire};

/// How much memory is set aside at once for a message whose size is only announced.
const RESERVE: usize = 64 * 1024;

/// How much a server may make the decoder hold.
///
/// A server relays what others publish, so limits below its own would let a stranger break the
/// connection: lower these only together with the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest control line, in bytes without its end. INFO, which lists the cluster, is
    /// the longest in practice.
    pub control_line: usize,
    /// The largest message, headers and payload together, in bytes.
    pub payload: usize,
    /// The largest header block, in bytes.
    pub headers: usize,
}

impl Default for Limits {
    /// What nats-server can be configured to at most: 64 MiB a message; and 64 KiB a line.
    fn default() -> Self {
        Self { control_line: 64 * 1024, payload: 64 << 20, headers: 64 << 20 }
    }
}

/// What a server said that is not the NATS protocol. The server is at fault, and there is no
/// way to read on: the connection has to be dropped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// A control line is longer than [`Limits::control_line`].
    #[error("a control line exceeds {limit} bytes")]
    ControlLineTooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// A line begins with no operation of the protocol.
    #[error("unknown operation: {}", Quoted(.start))]
    UnknownOperation {
        /// How the line begins, 16 bytes at most, made readable.
        start: String,
    },
    /// A MSG or HMSG line does not have the parts that it should.
    #[error("malformed message line: {reason}")]
    MalformedMessage {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A message is announced that is larger than [`Limits::payload`].
    #[error("a message of {size} bytes exceeds {limit}")]
    PayloadTooLarge {
        /// The announced size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// A header block is announced that is larger than [`Limits::headers`].
    #[error("a header block of {size} bytes exceeds {limit}")]
    HeadersTooLarge {
        /// The announced size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// A message does not end with CR LF where its size says that it ends.
    #[error("a message does not end where its size says")]
    MissingTerminator,
    /// INFO is not the JSON object that it should be.
    #[error("malformed INFO: {reason}")]
    MalformedInfo {
        /// What the JSON parser says.
        reason: String,
    },
}

/// Reads operations from bytes that arrive in any portions.
///
/// The result depends on the bytes alone, never on how they were split. A message that lies
/// whole in one portion is a view into it; only what spans portions is copied, once. After an
/// error the decoder says that error again for ever.
///
/// ```
/// use nats_proto::{Bytes, ServerOp, codec::{Decoder, Limits}};
///
/// let mut decoder = Decoder::new(Limits::default());
/// decoder.feed(Bytes::from_static(b"MSG greetings 1 5\r\nhel"));
/// assert_eq!(decoder.next_op(), Ok(None));
/// decoder.feed(Bytes::from_static(b"lo\r\n"));
/// let Ok(Some(ServerOp::Message { sid: 1, message })) = decoder.next_op() else { panic!() };
/// assert_eq!(&message.payload[..], b"hello");
/// ```
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    /// Bytes of an operation that began in an earlier portion; they precede `input`.
    carry: BytesMut,
    input: Bytes,
    state: State,
}

#[derive(Debug)]
enum State {
    Line,
    Message(Announced),
    Failed(DecodeError),
}

/// A message whose line has been read.
#[derive(Debug)]
struct Announced {
    sid: u64,
    subject: Subject,
    reply: Option<Subject>,
    /// None for MSG.
    headers_len: Option<usize>,
    total_len: usize,
}

impl Decoder {
    /// A decoder at the start of a connection.
    pub fn new(limits: Limits) -> Self {
        Self { limits, carry: BytesMut::new(), input: Bytes::new(), state: State::Line }
    }

    /// Takes the next portion. Call [`Decoder::next_op`] until it has no more before the next.
    pub fn feed(&mut self, portion: Bytes) {
        if self.input.is_empty() {
            self.input = portion;
        } else {
            let mut joined = BytesMut::with_capacity(self.input.len() + portion.len());
            joined.extend_from_slice(&self.input);
            joined.extend_from_slice(&portion);
            self.input = joined.freeze();
        }
    }

    /// The next whole operation, or `None` when more bytes are needed.
    ///
    /// Never panics, whatever the bytes.
    ///
    /// # Errors
    /// Any [`DecodeError`], the same one for ever after.
    pub fn next_op(&mut self) -> Result<Option<ServerOp>, DecodeError> {
        match self.whole() {
            Some(whole) => {
                let sid = whole.sid;
                Ok(Some(ServerOp::Message { sid, message: self.take_whole(&whole) }))
            }
            None => self.next_op_in_parts(),
        }
    }

    /// The same where [`Self::whole`] has found nothing.
    pub(crate) fn next_op_in_parts(&mut self) -> Result<Option<ServerOp>, DecodeError> {
        let result = self.step();
        if let Err(error) = &result {
            self.state = State::Failed(error.clone());
            self.carry = BytesMut::new();
            self.input = Bytes::new();
        }
        result
    }

    fn step(&mut self) -> Result<Option<ServerOp>, DecodeError> {
        if let State::Line = self.state {
            let Some(line) = self.take_line()? else { return Ok(None) };
            match self.parse_line(&line)? {
                Parsed::Op(op) => return Ok(Some(op)),
                Parsed::Announced(announced) => self.state = State::Message(announced),
            }
        }
        match &self.state {
            State::Failed(error) => Err(error.clone()),
            State::Line => Ok(None),
            State::Message(announced) => {
                let Some(body) = self.take(announced.total_len + 2) else { return Ok(None) };
                match core::mem::replace(&mut self.state, State::Line) {
                    State::Message(announced) => announced.complete(body).map(Some),
                    _ => Ok(None),
                }
            }
        }
    }

    /// Where the parts of the next operation are, if it is a message that lies whole in the input.
    /// Whatever else it may be is left to be read the long way, which gives the same for a whole
    /// message.
    #[inline]
    pub(crate) fn whole(&self) -> Option<Whole> {
        match self.state {
            State::Line if self.carry.is_empty() => Whole::find(&self.input, &self.limits),
            _ => None,
        }
    }

    /// The message that was found by [`Self::whole`] just now.
    #[inline]
    pub(crate) fn take_whole(&mut self, whole: &Whole) -> Message {
        let message = whole.message(&self.input);
        self.skip(whole.len());
        message
    }

    #[inline]
    fn skip(&mut self, len: usize) {
        if len == self.input.len() {
            // An empty rest would keep the frame in memory.
            self.input = Bytes::new();
        } else {
            self.input.advance(len);
        }
    }

    /// The message that was found by [`Self::whole`] just now and those after it that differ from it in
    /// their payloads alone, if there are any.
    #[inline]
    pub(crate) fn take_run(&mut self, whole: &Whole) -> Option<Run> {
        if !whole.may_begin_run(&self.input) {
            return None;
        }
        let (run, len) = whole.run(&self.input, &self.limits)?;
        self.skip(len);
        Some(run)
    }

    /// The next line with its end, or `None` when it is not all there.
    fn take_line(&mut self) -> Result<Option<Bytes>, DecodeError> {
        let limit = self.limits.control_line;
        let too_long = Err(DecodeError::ControlLineTooLong { limit });
        let end = memchr::memchr(b'\n', &self.input);
        let len = self.carry.len() + end.unwrap_or(self.input.len());
        // One more for the carriage return, which may not have its line feed yet.
        if len > limit + 1 {
            return too_long;
        }
        let Some(end) = end else {
            self.keep_input();
            return Ok(None);
        };
        let line = self.take(self.carry.len() + end + 1);
        match line {
            Some(line) if content(&line).len() > limit => too_long,
            line => Ok(line),
        }
    }

    /// The next `len` bytes, or `None` when they are not all there; then they are kept.
    fn take(&mut self, len: usize) -> Option<Bytes> {
        if self.carry.is_empty() && self.input.len() >= len {
            return Some(self.input.split_to(len));
        }
        let missing = len - self.carry.len();
        if self.input.len() < missing {
            // As the announced size is only a claim, no more is set aside than has half arrived.
            self.carry.reserve(missing.min(self.carry.len().max(RESERVE)));
            self.keep_input();
            return None;
        }
        self.carry.extend_from_slice(&self.input[..missing]);
        self.input.advance(missing);
        Some(self.carry.split().freeze())
    }

    fn keep_input(&mut self) {
        self.carry.extend_from_slice(&self.input);
        self.input = Bytes::new();
    }

    fn parse_line(&self, line: &Bytes) -> Result<Parsed, DecodeError> {
        let content = content(line);
        let verb_len = content.iter().position(|&b| is_space(b)).unwrap_or(content.len());
        let (verb, rest) = content.split_at(verb_len);
        let op = match verb {
            b"MSG" => return self.parse_message(line, rest, false).map(Parsed::Announced),
            b"HMSG" => return self.parse_message(line, rest, true).map(Parsed::Announced),
            b"PING" => ServerOp::Ping,
            b"PONG" => ServerOp::Pong,
            b"INFO" => {
                let info = ServerInfo::from_json(rest)
                    .map_err(|error| DecodeError::MalformedInfo { reason: error.to_string() })?;
                ServerOp::Info(Box::new(info))
            }
            b"+OK" => ServerOp::Ok,
            b"-ERR" => ServerOp::Err(text_from_wire(line.slice_ref(unquoted(rest)))),
            _ if verb.is_ascii() && verb.iter().any(u8::is_ascii_lowercase) => {
                return self.parse_lowercase(line, verb_len);
            }
            _ => return Err(unknown_operation(content)),
        };
        Ok(Parsed::Op(op))
    }

    /// The protocol's verbs may be written in any case; no server does it, so it may cost a copy.
    fn parse_lowercase(&self, line: &Bytes, verb_len: usize) -> Result<Parsed, DecodeError> {
        let mut copy = BytesMut::from(&line[..]);
        copy[..verb_len].make_ascii_uppercase();
        self.parse_line(&copy.freeze())
    }

    fn parse_message(
        &self,
        line: &Bytes,
        rest: &[u8],
        with_headers: bool,
    ) -> Result<Announced, DecodeError> {
        let malformed = |reason| DecodeError::MalformedMessage { reason };
        let mut parts = rest.split(|&byte| is_space(byte)).filter(|part| !part.is_empty());
        // MSG <subject> <sid> [reply-to] <size>; HMSG has <header size> before <size>.
        let subject = parts.next().ok_or(malformed("no subject"))?;
        let sid = parts.next().and_then(number).ok_or(malformed("no subscription id"))?;
        let mut tail: [Option<&[u8]>; 3] = [parts.next(), parts.next(), parts.next()];
        if parts.next().is_some() {
            return Err(malformed("too many parts"));
        }
        let sizes = 1 + usize::from(with_headers);
        let count = tail.iter().flatten().count();
        let reply = if count == sizes + 1 { tail[0].take() } else { None };
        if count != sizes + usize::from(reply.is_some()) {
            return Err(malformed("wrong number of parts"));
        }
        let mut sizes = tail.into_iter().flatten().map(|part| {
            let size = number(part).ok_or(malformed("a size is not a number"))?;
            // A size beyond the address space is beyond any limit.
            Ok(usize::try_from(size).unwrap_or(usize::MAX))
        });
        let headers_len = if with_headers { sizes.next().transpose()? } else { None };
        let total_len = sizes.next().ok_or(malformed("no size"))??;
        if total_len > self.limits.payload {
            let limit = self.limits.payload;
            return Err(DecodeError::PayloadTooLarge { size: total_len, limit });
        }
        if let Some(size) = headers_len {
            if size > total_len {
                return Err(malformed("the headers are larger than the message"));
            }
            if size > self.limits.headers {
                return Err(DecodeError::HeadersTooLarge { size, limit: self.limits.headers });
            }
        }
        Ok(Announced {
            sid,
            subject: Subject::from_wire(line.slice_ref(subject)),
            reply: reply.map(|reply| Subject::from_wire(line.slice_ref(reply))),
            headers_len,
            total_len,
        })
    }
}

enum Parsed {
    Op(ServerOp),
    Announced(Announced),
}

impl Announced {
    /// The message, from its headers and payload and the CR LF after them.
    fn complete(self, mut body: Bytes) -> Result<ServerOp, DecodeError> {
        if !body.ends_with(b"\r\n") {
            return Err(DecodeError::MissingTerminator);
        }
        body.truncate(self.total_len);
        let block = self.headers_len.map(|len| HeaderBlock::parse(&body.split_to(len)));
        let mut message = Message {
            subject: self.subject,
            reply: self.reply,
            payload: body,
            length: self.total_len,
            ..Message::default()
        };
        if let Some(block) = block {
            message.headers = Some(block.headers);
            message.status = block.status;
            message.description = block.description;
        }
        Ok(ServerOp::Message { sid: self.sid, message })
    }
}

/// A line without its end.
fn content(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// An unsigned decimal number that fits 64 bits.
fn number(digits: &[u8]) -> Option<u64> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| u64::from(byte - b'0'));
    digits.iter().try_fold(0u64, |value, &byte| {
        value.checked_mul(10).and_then(|value| value.checked_add(digit(byte)?))
    })
}

/// The text of an error without white space and quotes around it.
fn unquoted(text: &[u8]) -> &[u8] {
    let text = text.trim_ascii();
    text.strip_prefix(b"'").and_then(|text| text.strip_suffix(b"'")).unwrap_or(text)
}

fn unknown_operation(line: &[u8]) -> DecodeError {
    let start = &line[..line.len().min(16)];
    DecodeError::UnknownOperation { start: start.escape_ascii().to_string() }
}

mod whole;

#[cfg(test)]
mod tests;
