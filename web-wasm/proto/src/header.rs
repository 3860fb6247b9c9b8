//! Message headers. Source: ADR-4.

mod block;
#[cfg(test)]
mod tests;
mod text;

use alloc::vec::Vec;
use core::fmt;

use bytes::BufMut;

pub(crate) use block::HeaderBlock;
pub use text::{HeaderError, HeaderName, HeaderValue};

const VERSION: &[u8] = b"NATS/1.0";

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
