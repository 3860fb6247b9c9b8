//! Message headers. Source: ADR-4.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::ops::{Deref, Range};

use bytes::{BufMut, Bytes};
use bytestring::ByteString;

use crate::status::StatusCode;
use crate::subject::{text_from_wire, text_within};

const VERSION: &[u8] = b"NATS/1.0";

/// The name of a header: printable ASCII without the colon. Case is kept and matters.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct HeaderName(ByteString);

/// The value of a header: any text on one line. White space around it is not kept on the wire.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct HeaderValue(ByteString);

/// Why a text can't be a header's name or value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The name is empty.
    #[error("a header's name is empty")]
    EmptyName,
    /// The name has a colon, white space, or a character outside printable ASCII.
    #[error("a header's name has a forbidden character at byte {at}")]
    NameCharacter {
        /// Where it stands, in bytes.
        at: usize,
    },
    /// The value has a carriage return, a line feed or a NUL, with which it would not stay one line.
    #[error("a header's value has a forbidden character at byte {at}")]
    ValueCharacter {
        /// Where it stands, in bytes.
        at: usize,
    },
}

macro_rules! text_type {
    ($type:ident) => {
        impl $type {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Deref for $type {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl PartialEq<str> for $type {
            fn eq(&self, other: &str) -> bool {
                &*self.0 == other
            }
        }

        impl PartialEq<&str> for $type {
            fn eq(&self, other: &&str) -> bool {
                &*self.0 == *other
            }
        }
    };
}

text_type!(HeaderName);
text_type!(HeaderValue);

impl HeaderName {
    /// The name as MIME writes it, which NATS's own headers follow: capitals begin words, so that
    /// `nats-msg-id` becomes `Nats-Msg-Id`.
    ///
    /// ```
    /// # fn main() -> Result<(), nats_proto::HeaderError> {
    /// let mut headers = nats_proto::HeaderMap::new();
    /// headers.insert("Nats-Msg-Id", "7")?;
    /// let name = nats_proto::HeaderName::canonical("NATS-MSG-ID")?;
    /// assert_eq!(headers.get(&name).unwrap(), "7");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`HeaderError::EmptyName`] and [`HeaderError::NameCharacter`].
    pub fn canonical(name: &str) -> Result<Self, HeaderError> {
        let Self(name) = Self::try_from(name)?;
        let mut begins_word = true;
        let letters = name.chars().map(|letter| {
            let begins = core::mem::replace(&mut begins_word, letter == '-');
            if begins { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() }
        });
        Ok(Self(letters.collect::<String>().into()))
    }
}

impl TryFrom<&str> for HeaderName {
    type Error = HeaderError;

    fn try_from(name: &str) -> Result<Self, HeaderError> {
        if name.is_empty() {
            return Err(HeaderError::EmptyName);
        }
        match name.bytes().position(|byte| !is_name_byte(byte)) {
            Some(at) => Err(HeaderError::NameCharacter { at }),
            None => Ok(Self(ByteString::from(name))),
        }
    }
}

impl TryFrom<&str> for HeaderValue {
    type Error = HeaderError;

    fn try_from(value: &str) -> Result<Self, HeaderError> {
        match value.bytes().position(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            Some(at) => Err(HeaderError::ValueCharacter { at }),
            None => Ok(Self(ByteString::from(value))),
        }
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b':'
}

/// Headers in the order in which they were added or received; a name may occur more than once.
///
/// ```
/// # fn main() -> Result<(), nats_proto::HeaderError> {
/// let mut headers = nats_proto::HeaderMap::new();
/// headers.append("Trace", "a")?;
/// headers.append("Trace", "b")?;
/// assert_eq!(headers.get("Trace").unwrap(), "a");
/// assert_eq!(headers.get_all("Trace").count(), 2);
/// assert!(headers.insert("Trace", "x\r\nForged: yes").is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HeaderMap {
    entries: Vec<(HeaderName, HeaderValue)>,
    malformed_lines: usize,
}

impl HeaderMap {
    /// No headers.
    pub const fn new() -> Self {
        Self { entries: Vec::new(), malformed_lines: 0 }
    }

    /// How many headers there are, each occurrence of a name counted.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no headers.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many lines of a received block were no headers and were left out.
    ///
    /// The server relays header blocks unread, so any publisher can send rubbish in one.
    pub fn malformed_lines(&self) -> usize {
        self.malformed_lines
    }

    /// Sets a header, in the place of all that had its name.
    ///
    /// # Errors
    /// Any [`HeaderError`]; the map is then unchanged.
    pub fn insert(&mut self, name: &str, value: &str) -> Result<(), HeaderError> {
        let entry = (HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
        self.remove(name);
        self.entries.push(entry);
        Ok(())
    }

    /// Adds a header, beside those that have its name already.
    ///
    /// # Errors
    /// Any [`HeaderError`]; the map is then unchanged.
    pub fn append(&mut self, name: &str, value: &str) -> Result<(), HeaderError> {
        self.entries.push((HeaderName::try_from(name)?, HeaderValue::try_from(value)?));
        Ok(())
    }

    /// Takes away every header of this name and says whether there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.entries.len();
        self.entries.retain(|(have, _)| have != name);
        self.entries.len() != before
    }

    /// The first value of this name, compared to the letter.
    pub fn get(&self, name: &str) -> Option<&HeaderValue> {
        self.entries.iter().find(|(have, _)| have == name).map(|(_, value)| value)
    }

    /// The last value of this name, compared to the letter.
    pub fn get_last(&self, name: &str) -> Option<&HeaderValue> {
        self.entries.iter().rev().find(|(have, _)| have == name).map(|(_, value)| value)
    }

    /// The first value of this name, in whatever case either is written.
    pub fn get_ignore_case(&self, name: &str) -> Option<&HeaderValue> {
        let same = |have: &HeaderName| have.eq_ignore_ascii_case(name);
        self.entries.iter().find(|(have, _)| same(have)).map(|(_, value)| value)
    }

    /// Every value of this name, in order, compared to the letter.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a HeaderValue> {
        self.entries.iter().filter(move |(have, _)| have == name).map(|(_, value)| value)
    }

    /// Every header in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&HeaderName, &HeaderValue)> {
        self.entries.iter().map(|(name, value)| (name, value))
    }

    /// The exact size of the block that [`HeaderMap::write`] writes, in bytes.
    pub(crate) fn wire_len(&self) -> usize {
        let lines = self.entries.iter().map(|(name, value)| name.len() + value.len() + 4);
        VERSION.len() + 2 + lines.sum::<usize>() + 2
    }

    /// Writes the block as HPUB carries it, its empty last line included.
    pub(crate) fn write(&self, out: &mut impl BufMut) {
        out.put_slice(VERSION);
        out.put_slice(b"\r\n");
        for (name, value) in &self.entries {
            out.put_slice(name.as_bytes());
            out.put_slice(b": ");
            out.put_slice(value.as_bytes());
            out.put_slice(b"\r\n");
        }
        out.put_slice(b"\r\n");
    }
}

impl fmt::Debug for HeaderMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn parse(block: &str) -> HeaderBlock {
        HeaderBlock::parse(&Bytes::copy_from_slice(block.as_bytes()))
    }

    fn pairs(headers: &HeaderMap) -> Vec<(&str, &str)> {
        headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut headers = HeaderMap::new();
        headers.append("Nats-Msg-Id", "1").unwrap();
        headers.append("a", "").unwrap();
        headers.append("A", "é: with a colon").unwrap();
        headers.append("a", "twice").unwrap();
        let mut block = Vec::new();
        headers.write(&mut block);
        assert_eq!(block.len(), headers.wire_len());
        let parsed = HeaderBlock::parse(&Bytes::from(block));
        assert_eq!(parsed, HeaderBlock { headers, status: None, description: None });
    }

    #[test]
    fn every_block_that_servers_send_is_read() {
        for (block, status, description, headers) in [
            ("NATS/1.0 503\r\n\r\n", Some(503), None, vec![]),
            ("NATS/1.0 503 No Responders\r\n\r\n", Some(503), Some("No Responders"), vec![]),
            ("NATS/1.0 404 No Messages\r\n\r\n", Some(404), Some("No Messages"), vec![]),
            (
                "NATS/1.0  100  Idle Heartbeat \r\nNats-Last-Stream: 4\r\n\r\n",
                Some(100),
                Some("Idle Heartbeat"),
                vec![("Nats-Last-Stream", "4")],
            ),
            ("NATS/1.0\r\n\r\n", None, None, vec![]),
            ("NATS/1.0\r\na:b\r\n\r\n", None, None, vec![("a", "b")]),
            ("NATS/1.0\r\na:  \t b c \t\r\n\r\n", None, None, vec![("a", "b c")]),
            ("NATS/1.0\r\na:\r\n\r\n", None, None, vec![("a", "")]),
            ("NATS/1.0\r\na: b\r\n  folded\r\n\r\n", None, None, vec![("a", "b folded")]),
            ("NATS/1.0\r\nurl: nats://x:4222\r\n\r\n", None, None, vec![("url", "nats://x:4222")]),
            ("NATS/1.0\na: b\n\n", None, None, vec![("a", "b")]),
            ("NATS/1.0 odd words\r\n\r\n", None, Some("odd words"), vec![]),
        ] {
            let parsed = parse(block);
            assert_eq!(parsed.status.map(StatusCode::as_u16), status, "{block:?}");
            assert_eq!(parsed.description.as_deref(), description, "{block:?}");
            assert_eq!(pairs(&parsed.headers), headers, "{block:?}");
            assert_eq!(parsed.headers.malformed_lines(), 0, "{block:?}");
        }
    }

    #[test]
    fn lines_that_are_no_headers_are_counted_and_the_rest_is_read() {
        for block in [
            "NATS/1.0\r\nno colon\r\na: b\r\n\r\n",
            "NATS/1.0\r\n: no name\r\na: b\r\n\r\n",
            "NATS/1.0\r\nspaced name: x\r\na: b\r\n\r\n",
            "NATS/1.0\r\n continued nothing\r\na: b\r\n\r\n",
            "HTTP/1.1 200\r\na: b\r\n\r\n",
        ] {
            let parsed = parse(block);
            assert_eq!(pairs(&parsed.headers), [("a", "b")], "{block:?}");
            assert_eq!(parsed.headers.malformed_lines(), 1, "{block:?}");
        }
    }

    #[test]
    fn nothing_can_be_injected() {
        let mut headers = HeaderMap::new();
        for (name, value, error) in [
            ("", "v", HeaderError::EmptyName),
            ("a b", "v", HeaderError::NameCharacter { at: 1 }),
            ("a:", "v", HeaderError::NameCharacter { at: 1 }),
            ("a\r\nb", "v", HeaderError::NameCharacter { at: 1 }),
            ("é", "v", HeaderError::NameCharacter { at: 0 }),
            ("a", "v\r\nb: c", HeaderError::ValueCharacter { at: 1 }),
            ("a", "v\n", HeaderError::ValueCharacter { at: 1 }),
            ("a", "\0", HeaderError::ValueCharacter { at: 0 }),
        ] {
            assert_eq!(headers.insert(name, value), Err(error));
            assert_eq!(headers.append(name, value), Err(error));
        }
        assert!(headers.is_empty());
    }

    #[test]
    fn names_are_kept_and_compared_to_the_letter() {
        let mut headers = HeaderMap::new();
        headers.append("Key", "1").unwrap();
        headers.append("key", "2").unwrap();
        headers.append("Key", "3").unwrap();
        assert_eq!(headers.get("Key").unwrap(), "1");
        assert_eq!(headers.get_last("Key").unwrap(), "3");
        assert_eq!(headers.get("KEY"), None);
        assert_eq!(headers.get_ignore_case("KEY").unwrap(), "1");
        for (name, canonical) in [("kEY", "Key"), ("x-y--z", "X-Y--Z"), ("-1a", "-1a")] {
            assert_eq!(HeaderName::canonical(name).unwrap(), canonical);
        }
        assert_eq!(HeaderName::canonical(""), Err(HeaderError::EmptyName));
        assert_eq!(HeaderName::canonical("a b"), Err(HeaderError::NameCharacter { at: 1 }));
        headers.insert("Key", "4").unwrap();
        assert_eq!(pairs(&headers), [("key", "2"), ("Key", "4")]);
        assert!(headers.remove("key"));
        assert!(!headers.remove("key"));
    }
}
