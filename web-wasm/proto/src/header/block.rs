//! A block of headers as it comes.

use alloc::string::String;

use bytes::Bytes;
use bytestring::ByteString;

use super::text::is_name_byte;
use super::{HeaderMap, HeaderName, HeaderValue, VERSION};
use crate::status::StatusCode;
use crate::subject::text_from_wire;

/// What a header block says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct HeaderBlock {
    pub(crate) headers: HeaderMap,
    pub(crate) status: Option<StatusCode>,
    pub(crate) description: Option<ByteString>,
}

impl HeaderBlock {
    /// Reads a block as HMSG carries it. What is no header is counted and left out: the
    /// publisher wrote it, and the connection must not suffer for it.
    pub(crate) fn parse(block: &Bytes) -> Self {
        let mut parsed = Self::default();
        for (number, line) in Lines::new(block).enumerate() {
            if number == 0 && line.starts_with(VERSION) {
                parsed.read_status(line.slice(VERSION.len()..));
            } else if !line.is_empty() {
                parsed.read_header(&line);
            }
        }
        parsed
    }

    fn read_status(&mut self, rest: Bytes) {
        let text = text_from_wire(rest);
        let text = text.slice_ref(text.trim());
        let (code, description) = text.split_once(' ').unwrap_or((&text, ""));
        self.status = StatusCode::from_digits(code);
        let description = if self.status.is_some() { description.trim() } else { &*text };
        self.description = (!description.is_empty()).then(|| text.slice_ref(description));
    }

    fn read_header(&mut self, line: &Bytes) {
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            return self.continue_value(line);
        }
        let colon = memchr::memchr(b':', line).unwrap_or_default();
        if colon == 0 || !line[..colon].iter().all(|&byte| is_name_byte(byte)) {
            self.headers.malformed_lines += 1;
            return;
        }
        let name = HeaderName(text_from_wire(line.slice(..colon)));
        let value = text_from_wire(line.slice(colon + 1..));
        let value = HeaderValue(value.slice_ref(value.trim_matches([' ', '\t'])));
        self.headers.entries.push((name, value));
    }

    /// A line that begins with white space goes on with the value before it (RFC 5322 §2.2.3).
    fn continue_value(&mut self, line: &Bytes) {
        let text = text_from_wire(line.clone());
        match self.headers.entries.last_mut() {
            Some((_, value)) => {
                let folded: String = [value.as_str(), " ", text.trim()].concat();
                *value = HeaderValue(ByteString::from(folded));
            }
            None => self.headers.malformed_lines += 1,
        }
    }
}

/// The lines of a block, each without its end; `\n` alone ends one too.
struct Lines<'a> {
    block: &'a Bytes,
    at: usize,
}

impl<'a> Lines<'a> {
    fn new(block: &'a Bytes) -> Self {
        Self { block, at: 0 }
    }
}

impl Iterator for Lines<'_> {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let rest = self.block.get(self.at..).filter(|rest| !rest.is_empty())?;
        let len = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let start = self.at;
        self.at = start + len + 1;
        let end = if rest[..len].ends_with(b"\r") { len - 1 } else { len };
        Some(self.block.slice(start..start + end))
    }
}
