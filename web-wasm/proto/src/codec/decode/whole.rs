//! Messages that lie whole in one portion, as almost all do: where their parts are is found in one
//! pass, and nothing is copied or counted up for the line itself.

use alloc::vec::Vec;
use core::ops::Range;

use bytes::Bytes;

use super::Limits;
use crate::header::HeaderBlock;
use crate::message::Message;
use crate::run::Run;
use crate::subject::Subject;

/// The most digits that fit every number of 32 bits; more are read the long way.
const MOST_DIGITS: usize = 9;

/// How many messages make a run, so that who takes it takes no more at once.
const LONGEST_RUN: usize = 256;

/// Where the parts of a message are, from the start of its line on.
#[derive(Clone, Debug)]
pub(crate) struct Whole {
    /// The subscription that it is for.
    pub(crate) sid: u64,
    subject: Range<usize>,
    reply: Option<Range<usize>>,
    /// None for MSG.
    headers: Option<Range<usize>>,
    payload: Range<usize>,
    /// Where the sizes begin, or the reply subject.
    head: usize,
}

impl Whole {
    /// The message that `input` begins with, written as servers write them, all there and within the
    /// limits.
    #[inline]
    pub(super) fn find(input: &[u8], limits: &Limits) -> Option<Self> {
        let (verb, with_headers) = match input {
            [b'M', b'S', b'G', b' ', ..] => (4, false),
            [b'H', b'M', b'S', b'G', b' ', ..] => (5, true),
            _ => return None,
        };
        let mut rest = input.get(verb..)?;
        let subject_len = token(&mut rest)?;
        let sid = number(&mut rest, b' ')?;
        // What comes next is the reply subject if it is not a size, or if there is one size more
        // than should be.
        let sizes = rest;
        let mut reply_len = None;
        let (headers_len, total) = match read_sizes(&mut rest, with_headers) {
            Some(sizes) => sizes,
            None => {
                rest = sizes;
                reply_len = Some(token(&mut rest)?);
                read_sizes(&mut rest, with_headers)?
            }
        };
        let (headers_len, total) = (headers_len as usize, total as usize);
        let start = input.len() - rest.len();
        if start > limits.control_line
            || total > limits.payload
            || headers_len > total
            || headers_len > limits.headers
            || rest.get(total..total + 2)? != b"\r\n"
        {
            return None;
        }
        let split = start + headers_len;
        let before_reply = input.len() - sizes.len();
        Some(Self {
            sid: u64::from(sid),
            subject: verb..verb + subject_len,
            reply: reply_len.map(|len| before_reply..before_reply + len),
            headers: with_headers.then_some(start..split),
            payload: split..start + total,
            head: before_reply,
        })
    }

    /// How many bytes it takes, its end included.
    pub(super) fn len(&self) -> usize {
        self.payload.end + 2
    }

    /// The message, with views into the bytes in which it was found.
    #[inline]
    pub(super) fn message(&self, input: &Bytes) -> Message {
        let message = Message {
            subject: Subject::within(input, self.subject.clone()),
            reply: self.reply.clone().map(|reply| Subject::within(input, reply)),
            payload: input.slice(self.payload.clone()),
            headers: None,
            status: None,
            description: None,
            length: self.payload.len(),
        };
        match &self.headers {
            Some(headers) => with_headers(message, &input.slice(headers.clone())),
            None => message,
        }
    }

    /// Whether it may be the first of a [`run`](Self::run). Subjects that differ do so at their ends, as a
    /// rule, and looking there is one comparison.
    #[inline]
    pub(super) fn may_begin_run(&self, input: &[u8]) -> bool {
        if self.reply.is_some() || self.headers.is_some() {
            return false;
        }
        let end_of_head = |start| input.get(start..start + self.head)?.last_chunk::<8>();
        let next = end_of_head(self.len());
        next.is_some() && next == end_of_head(0)
    }

    /// The messages that `input` begins with, this one and those after it that differ from it in their
    /// payloads alone, and how many bytes they take; none if there is only this one, or if it
    /// [may not](Self::may_begin_run) begin a run.
    pub(super) fn run(&self, input: &Bytes, limits: &Limits) -> Option<(Run, usize)> {
        let head = input.get(..self.head)?;
        let mut next = follower(input, self.len(), head, limits)?;
        // As many as there are if they are as long as this one.
        let likely = (input.len() / self.len()).min(LONGEST_RUN);
        let mut payloads = Vec::with_capacity(likely);
        payloads.push(self.payload.clone());
        let end = loop {
            let end = next.end + 2;
            payloads.push(next);
            match follower(input, end, head, limits) {
                Some(follower) if payloads.len() < LONGEST_RUN => next = follower,
                _ => break end,
            }
        };
        let subject = Subject::within(input, self.subject.clone());
        Some((Run::new(subject, input.slice(..end), payloads), end))
    }
}

/// Where the payload of the message is that begins at `start`, if its line begins with `head` and ends
/// with a size, and it is all there and within the limits.
#[inline]
fn follower(input: &[u8], start: usize, head: &[u8], limits: &Limits) -> Option<Range<usize>> {
    let mut rest = input.get(start..)?.strip_prefix(head)?;
    let (_, total) = read_sizes(&mut rest, false)?;
    let total = total as usize;
    let begin = input.len() - rest.len();
    let fits = begin - start <= limits.control_line && total <= limits.payload;
    (fits && rest.get(total..total + 2)? == b"\r\n").then(|| begin..begin + total)
}

fn with_headers(message: Message, block: &Bytes) -> Message {
    let HeaderBlock { headers, status, description } = HeaderBlock::parse(block);
    let length = message.length + block.len();
    Message { headers: Some(headers), status, description, length, ..message }
}

/// The sizes at the end of a line, of headers and altogether, and the line's end; no headers are of
/// size 0.
#[inline]
fn read_sizes(rest: &mut &[u8], with_headers: bool) -> Option<(u32, u32)> {
    let headers = if with_headers { number(rest, b' ')? } else { 0 };
    let total = number(rest, b'\r')?;
    *rest = rest.strip_prefix(b"\n")?;
    Some((headers, total))
}

/// How long the part of the line is that `rest` begins with; it and the space after it are taken.
#[inline]
fn token(rest: &mut &[u8]) -> Option<usize> {
    let len = rest.iter().position(|&byte| byte <= b' ')?;
    let (part, after) = rest.split_at_checked(len)?;
    *rest = after.strip_prefix(b" ")?;
    (!part.is_empty()).then_some(len)
}

/// An unsigned decimal number of few digits; it and the `end` after it are taken.
#[inline]
fn number(rest: &mut &[u8], end: u8) -> Option<u32> {
    let mut value = 0;
    for (len, &byte) in rest.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 && len < MOST_DIGITS {
            value = value * 10 + u32::from(digit);
        } else if byte == end && len > 0 {
            *rest = rest.get(len + 1..)?;
            return Some(value);
        } else {
            return None;
        }
    }
    None
}
