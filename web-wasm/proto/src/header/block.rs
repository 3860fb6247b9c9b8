//! A block of headers as it comes.

use alloc::string::String;
use core::ops::Range;

use bytes::Bytes;
use bytestring::ByteString;

use super::text::is_name_byte;
use super::{HeaderMap, HeaderName, HeaderValue, VERSION};
use crate::status::StatusCode;
use crate::subject::{text_from_wire, text_within};

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
            let text = &block[line.clone()];
            if number == 0 && text.starts_with(VERSION) {
                parsed.read_status(block.slice(line.start + VERSION.len()..line.end));
            } else if !text.is_empty() {
                parsed.read_header(block, line);
            }
        }
        parsed
    }

    fn read_status(&mut self, rest: Bytes) {
        if rest.is_empty() {
            return;
        }
        let text = text_from_wire(rest);
        let text = text.slice_ref(text.trim());
        let (code, description) = text.split_once(' ').unwrap_or((&text, ""));
        self.status = StatusCode::from_digits(code);
        let description = if self.status.is_some() { description.trim() } else { &*text };
        self.description = (!description.is_empty()).then(|| text.slice_ref(description));
    }

    fn read_header(&mut self, block: &Bytes, line: Range<usize>) {
        let text = &block[line.clone()];
        if text.starts_with(b" ") || text.starts_with(b"\t") {
            return self.continue_value(text);
        }
        let name_len = text.iter().position(|&byte| !is_name_byte(byte)).unwrap_or_default();
        if name_len == 0 || text[name_len] != b':' {
            self.headers.malformed_lines += 1;
            return;
        }
        let is_text = |&byte: &u8| !matches!(byte, b' ' | b'\t');
        let value = &text[name_len + 1..];
        let end = value.iter().rposition(is_text).map_or(0, |last| last + 1);
        let start = value[..end].iter().position(is_text).unwrap_or_default();
        let before = line.start + name_len + 1;
        let name = HeaderName(text_within(block, line.start..line.start + name_len));
        let value = HeaderValue(text_within(block, before + start..before + end));
        self.headers.entries.push((name, value));
    }

    /// A line that begins with white space goes on with the value before it (RFC 5322 §2.2.3).
    fn continue_value(&mut self, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
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
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let rest = self.block.get(self.at..).filter(|rest| !rest.is_empty())?;
        let len = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let start = self.at;
        self.at = start + len + 1;
        let end = if rest[..len].ends_with(b"\r") { len - 1 } else { len };
        Some(start..start + end)
    }
}
