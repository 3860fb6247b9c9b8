//! Messages that lie whole in one portion, as almost all do: where their parts are is found in one
//! pass, and nothing is copied or counted up for the line itself.

use core::ops::Range;

use bytes::Bytes;

use super::{Limits, ServerOp};
use crate::header::HeaderBlock;
use crate::message::Message;
use crate::subject::Subject;

/// The most digits that fit every number of 64 bits.
const MOST_DIGITS: usize = 19;

/// Where the parts of a message are, from the start of its line on.
#[derive(Clone, Debug)]
pub(super) struct Whole {
    sid: u64,
    subject: Range<usize>,
    reply: Option<Range<usize>>,
    /// None for MSG.
    headers: Option<Range<usize>>,
    payload: Range<usize>,
}

impl Whole {
    /// The message that `input` begins with, written as servers write them, all there and within the
    /// limits.
    #[inline]
    pub(super) fn find(input: &[u8], limits: &Limits) -> Option<Self> {
        let (mut at, with_headers) = match input {
            [b'M', b'S', b'G', b' ', ..] => (4, false),
            [b'H', b'M', b'S', b'G', b' ', ..] => (5, true),
            _ => return None,
        };
        let subject = token(input, &mut at)?;
        expect(input, &mut at, b' ')?;
        let sid = number(input, &mut at)?;
        expect(input, &mut at, b' ')?;
        // What comes next is the reply subject if there is one part more than sizes.
        let sizes = at;
        let mut reply = None;
        let (first, second) = match read_sizes(input, &mut at, with_headers) {
            Some(sizes) => sizes,
            None => {
                at = sizes;
                reply = Some(token(input, &mut at)?);
                expect(input, &mut at, b' ')?;
                read_sizes(input, &mut at, with_headers)?
            }
        };
        let total = usize::try_from(second).ok().filter(|&total| total <= limits.payload)?;
        let headers_len = usize::try_from(first).ok()?;
        if at > limits.control_line || headers_len > total || headers_len > limits.headers {
            return None;
        }
        let start = at;
        let end = start + total;
        if input.get(end..end + 2)? != b"\r\n" {
            return None;
        }
        let split = start + headers_len;
        let headers = with_headers.then_some(start..split);
        Some(Self { sid, subject, reply, headers, payload: split..end })
    }

    /// How many bytes it takes, its end included.
    pub(super) fn len(&self) -> usize {
        self.payload.end + 2
    }

    /// The message, with views into the bytes in which it was found.
    #[inline]
    pub(super) fn op(&self, input: &Bytes) -> ServerOp {
        let start = self.headers.as_ref().map_or(self.payload.start, |headers| headers.start);
        let mut message = Message {
            subject: Subject::within(input, self.subject.clone()),
            reply: self.reply.clone().map(|reply| Subject::within(input, reply)),
            payload: input.slice(self.payload.clone()),
            length: self.payload.end - start,
            ..Message::default()
        };
        if let Some(headers) = &self.headers {
            let block = HeaderBlock::parse(&input.slice(headers.clone()));
            message.headers = Some(block.headers);
            message.status = block.status;
            message.description = block.description;
        }
        ServerOp::Message { sid: self.sid, message }
    }
}

/// The sizes at the end of a line, of headers and altogether; no headers are of size 0.
#[inline]
fn read_sizes(input: &[u8], at: &mut usize, with_headers: bool) -> Option<(u64, u64)> {
    let mut headers = 0;
    if with_headers {
        headers = number(input, at)?;
        expect(input, at, b' ')?;
    }
    let total = number(input, at)?;
    expect(input, at, b'\r')?;
    expect(input, at, b'\n')?;
    Some((headers, total))
}

#[inline]
fn expect(input: &[u8], at: &mut usize, byte: u8) -> Option<()> {
    if *input.get(*at)? != byte {
        return None;
    }
    *at += 1;
    Some(())
}

/// A part of the line that is not empty, up to the white space after it.
#[inline]
fn token(input: &[u8], at: &mut usize) -> Option<Range<usize>> {
    let start = *at;
    let rest = input.get(start..)?;
    let len = rest.iter().position(|&byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))?;
    *at += len;
    (len > 0).then_some(start..start + len)
}

/// An unsigned decimal number that is certain to fit 64 bits.
#[inline]
fn number(input: &[u8], at: &mut usize) -> Option<u64> {
    let start = *at;
    let mut value = 0;
    while let Some(digit) = input.get(*at).map(|byte| byte.wrapping_sub(b'0')).filter(|&d| d < 10) {
        if *at - start == MOST_DIGITS {
            return None;
        }
        value = value * 10 + u64::from(digit);
        *at += 1;
    }
    (*at > start).then_some(value)
}
