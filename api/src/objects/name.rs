//! Names of objects, as callers may have them.

use std::fmt;

/// Longest name, in bytes.
const MAX_BYTES: usize = 255;
/// Segments of a name at most.
const MAX_SEGMENTS: usize = 16;

/// The name of an object: 1 to 16 segments with `/` between them, each of `A-Z`, `a-z`, `0-9`, `.`,
/// `_` and `-`, and 1 to 255 bytes in all.
///
/// None of these is ever escaped in a URL, so a name has one form on its whole way here, and nothing
/// on it can make another of it. A store's own names may be any text (ADR-20); those that are
/// otherwise exist for back ends alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectName(String);

/// A text is no name of an object that callers can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an object's name has 1 to {MAX_SEGMENTS} segments of A-Z, a-z, 0-9, `.`, `_` and `-` with `/` \
     between them, none of them `.` or `..`, and {MAX_BYTES} bytes at most"
)]
pub struct ObjectNameError;

impl ObjectName {
    /// Reads a name strictly.
    ///
    /// # Errors
    /// [`ObjectNameError`] for anything else.
    pub fn parse(text: &str) -> Result<Self, ObjectNameError> {
        let fits = text.len() <= MAX_BYTES && text.split('/').count() <= MAX_SEGMENTS;
        if fits && text.split('/').all(is_segment) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ObjectNameError)
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its segments, one at least.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// Its last segment, as a name for a file: without anything that a file system or a header would
    /// take for something else.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a text can be a segment of a name.
pub(super) fn is_segment(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    !matches!(text, "" | "." | "..") && text.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_segments() {
        for good in ["a", "a/b", "A-b_9.png", ".hidden/..x", "a/...", &"x".repeat(255)] {
            assert_eq!(ObjectName::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "/",
            "/a",
            "a/",
            "a//b",
            ".",
            "..",
            "a/..",
            "../a",
            "a/./b",
            "a b",
            "a*",
            "*",
            ">",
            "a/>",
            "a%2fb",
            "a\\b",
            "a\0",
            "a\r\n",
            "é",
            "a?b",
            "a#b",
            "a:b",
            "{{subject()}}",
            &"x".repeat(256),
            &["x"; 17].join("/"),
        ] {
            assert_eq!(ObjectName::parse(bad), Err(ObjectNameError), "{bad:?}");
        }
        assert_eq!(ObjectName::parse("a/b/c.png").unwrap().file_name(), "c.png");
    }
}
