//! Subjects: the names that messages are published to, and the patterns that select them.
//!
//! A subject is a list of tokens joined by dots. In a pattern the token `*` stands for exactly
//! one token and a last token `>` for one or more. Source: the NATS documentation on
//! [subject-based messaging].
//!
//! [subject-based messaging]: https://docs.nats.io/nats-concepts/subjects

use alloc::string::String;
use core::fmt;
use core::ops::{Deref, Range};

use bytes::Bytes;
use bytestring::ByteString;

/// The longest subject that [`Subject`] admits, in bytes.
///
/// nats-server reads control lines of up to 4,096 bytes by default, and a subject shares its
/// line with the verb, the reply subject and the sizes.
pub const MAX_LEN: usize = 4_000;

/// A subject or subject pattern.
///
/// It is a view into shared bytes: cloning one, or receiving a message, copies no text. One
/// made by [`Subject::validated`] (or one of the `TryFrom` forms) is well-formed; one that
/// arrived from a server is whatever was published there.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject(ByteString);

/// Why a text is not a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubjectError {
    /// There is no text.
    #[error("the subject is empty")]
    Empty,
    /// A token is empty: a dot at the start, at the end, or two dots in a row.
    #[error("the subject has an empty token at byte {at}")]
    EmptyToken {
        /// Where the empty token would begin, in bytes.
        at: usize,
    },
    /// There is white space or a control character, which would end the subject on the wire.
    #[error("the subject has white space or a control character at byte {at}")]
    ForbiddenCharacter {
        /// Where it stands, in bytes.
        at: usize,
    },
    /// A wildcard stands where none may: in a subject that is published to, or `>` before the end.
    #[error("the subject has a wildcard where none is allowed, at byte {at}")]
    Wildcard {
        /// Where it stands, in bytes.
        at: usize,
    },
    /// The subject is longer than [`MAX_LEN`].
    #[error("the subject has {len} bytes; {MAX_LEN} are allowed")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
}

impl Subject {
    /// A subject known when the program is written; it is not checked.
    ///
    /// Commands check what they are given, so that a malformed one is refused there.
    pub const fn from_static(subject: &'static str) -> Self {
        Self(ByteString::from_static(subject))
    }

    /// A subject that is well-formed as a pattern, wildcards allowed.
    ///
    /// # Errors
    /// Any [`SubjectError`]; see [`validate_pattern`].
    pub fn validated(subject: impl AsRef<str>) -> Result<Self, SubjectError> {
        let subject = subject.as_ref();
        validate_pattern(subject)?;
        Ok(Self(ByteString::from(subject)))
    }

    /// The text of the subject.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the subject is well-formed as a pattern.
    pub fn is_valid(&self) -> bool {
        validate_pattern(self).is_ok()
    }

    /// Whether this subject, read as a pattern, matches `subject`.
    pub fn matches(&self, subject: &str) -> bool {
        matches(self, subject)
    }

    /// A subject as the wire gave it.
    ///
    /// nats-server does not insist on UTF-8, so a stranger can publish to a subject that is
    /// not; it is delivered with U+FFFD in the place of what can't be read, since dropping the
    /// connection would let that stranger cut off every subscriber.
    pub(crate) fn from_wire(bytes: Bytes) -> Self {
        Self(text_from_wire(bytes))
    }

    /// A subject as it stands among other bytes of the wire; else as [`Self::from_wire`].
    pub(crate) fn within(bytes: &Bytes, range: Range<usize>) -> Self {
        Self(text_within(bytes, range))
    }
}

/// Text as the wire gave it: shared when it is UTF-8, copied with U+FFFD where it is not.
pub(crate) fn text_from_wire(bytes: Bytes) -> ByteString {
    match core::str::from_utf8(&bytes) {
        Ok(_) => ByteString::try_from(bytes).unwrap_or_default(),
        Err(_) => readable(&bytes),
    }
}

/// Text as it stands among other bytes of the wire; else as [`text_from_wire`].
pub(crate) fn text_within(bytes: &Bytes, range: Range<usize>) -> ByteString {
    // Text is checked once here, and twice where the bytes must not be lost.
    let shared = ByteString::try_from(bytes.slice(range.clone()));
    shared.unwrap_or_else(|_| readable(&bytes[range]))
}

fn readable(bytes: &[u8]) -> ByteString {
    ByteString::from(String::from_utf8_lossy(bytes).into_owned())
}

impl Deref for Subject {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Subject {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl From<&str> for Subject {
    /// Copies the text, unchecked: the command that uses it checks it.
    fn from(subject: &str) -> Self {
        Self(ByteString::from(subject))
    }
}

impl From<String> for Subject {
    /// Takes the text over, unchecked: the command that uses it checks it.
    fn from(subject: String) -> Self {
        Self(ByteString::from(subject))
    }
}

impl From<&Subject> for Subject {
    fn from(subject: &Subject) -> Self {
        subject.clone()
    }
}

impl PartialEq<str> for Subject {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Subject {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

/// Checks a subject that is to be published to: well-formed, and without wildcards.
///
/// Stricter than the server, which lets some of these pass and then never delivers them.
///
/// # Errors
/// Any [`SubjectError`]. `*` and `>` are refused where they are a whole token; inside a longer
/// token they are ordinary characters.
pub fn validate_publish(subject: &str) -> Result<(), SubjectError> {
    validate(subject, false)
}

/// Checks a subject that is to be subscribed to: well-formed, wildcards allowed.
///
/// # Errors
/// Any [`SubjectError`]; [`SubjectError::Wildcard`] when `>` is a token but not the last.
pub fn validate_pattern(subject: &str) -> Result<(), SubjectError> {
    validate(subject, true)
}

/// Checks a queue group's name: not empty, and no white space or control characters.
///
/// # Errors
/// [`SubjectError::Empty`], [`SubjectError::ForbiddenCharacter`] or [`SubjectError::TooLong`].
pub fn validate_queue_group(name: &str) -> Result<(), SubjectError> {
    check_text(name)
}

fn check_text(text: &str) -> Result<(), SubjectError> {
    if text.is_empty() {
        return Err(SubjectError::Empty);
    }
    if text.len() > MAX_LEN {
        return Err(SubjectError::TooLong { len: text.len() });
    }
    match text.bytes().position(|byte| byte <= b' ' || byte == 0x7f) {
        Some(at) => Err(SubjectError::ForbiddenCharacter { at }),
        None => Ok(()),
    }
}

fn validate(subject: &str, wildcards: bool) -> Result<(), SubjectError> {
    check_text(subject)?;
    let mut at = 0;
    // No byte of a longer character is a dot.
    for token in subject.as_bytes().split(|&byte| byte == b'.') {
        let next = at + token.len() + 1;
        match token {
            b"" => return Err(SubjectError::EmptyToken { at }),
            b"*" if !wildcards => return Err(SubjectError::Wildcard { at }),
            b">" if !wildcards || next <= subject.len() => {
                return Err(SubjectError::Wildcard { at });
            }
            _ => {}
        }
        at = next;
    }
    Ok(())
}

/// Whether `pattern` selects `subject`.
///
/// `subject` is read literally: it holds no wildcards. Takes time in proportion to the shorter
/// text and allocates nothing.
///
/// ```
/// use nats_proto::subject::matches;
///
/// assert!(matches("rooms.*.chat", "rooms.7.chat"));
/// assert!(matches("rooms.>", "rooms.7.chat"));
/// assert!(!matches("rooms.>", "rooms"));
/// ```
pub fn matches(pattern: &str, subject: &str) -> bool {
    // Bytes do: none of a longer character is a dot.
    let mut tokens = subject.as_bytes().split(|&byte| byte == b'.');
    for wanted in pattern.as_bytes().split(|&byte| byte == b'.') {
        let Some(token) = tokens.next() else { return false };
        match wanted {
            b">" => return true,
            b"*" => {}
            literal if literal == token => {}
            _ => return false,
        }
    }
    tokens.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_subjects_only_when_well_formed() {
        use SubjectError::*;
        for (subject, publish, pattern) in [
            ("a", Ok(()), Ok(())),
            ("a.b.c", Ok(()), Ok(())),
            ("é.ü", Ok(()), Ok(())),
            ("a*.b>", Ok(()), Ok(())),
            ("$JS.API.INFO", Ok(()), Ok(())),
            ("", Err(Empty), Err(Empty)),
            (".", Err(EmptyToken { at: 0 }), Err(EmptyToken { at: 0 })),
            ("a.", Err(EmptyToken { at: 2 }), Err(EmptyToken { at: 2 })),
            ("a..b", Err(EmptyToken { at: 2 }), Err(EmptyToken { at: 2 })),
            ("*", Err(Wildcard { at: 0 }), Ok(())),
            (">", Err(Wildcard { at: 0 }), Ok(())),
            ("a.>", Err(Wildcard { at: 2 }), Ok(())),
            ("a.*.b", Err(Wildcard { at: 2 }), Ok(())),
            ("a.>.b", Err(Wildcard { at: 2 }), Err(Wildcard { at: 2 })),
            ("a b", Err(ForbiddenCharacter { at: 1 }), Err(ForbiddenCharacter { at: 1 })),
            ("a\r\nPUB x", Err(ForbiddenCharacter { at: 1 }), Err(ForbiddenCharacter { at: 1 })),
            ("a\0", Err(ForbiddenCharacter { at: 1 }), Err(ForbiddenCharacter { at: 1 })),
            ("a\t", Err(ForbiddenCharacter { at: 1 }), Err(ForbiddenCharacter { at: 1 })),
        ] {
            assert_eq!(validate_publish(subject), publish, "publish to {subject:?}");
            assert_eq!(validate_pattern(subject), pattern, "subscribe to {subject:?}");
        }
        let long = "a".repeat(MAX_LEN + 1);
        assert_eq!(validate_publish(&long), Err(TooLong { len: MAX_LEN + 1 }));
        assert_eq!(validate_publish(&long[1..]), Ok(()));
    }

    #[test]
    fn patterns_match_as_the_server_matches() {
        for (pattern, subject, expected) in [
            ("a.b", "a.b", true),
            ("a.b", "a.c", false),
            ("a.b", "a", false),
            ("a", "a.b", false),
            ("*", "a", true),
            ("*", "a.b", false),
            ("a.*", "a.b", true),
            ("a.*", "a", false),
            ("*.b", "a.b", true),
            (">", "a", true),
            (">", "a.b.c", true),
            ("a.>", "a", false),
            ("a.>", "a.b", true),
            ("a.*.>", "a.b", false),
            ("a.*.>", "a.b.c.d", true),
            ("a*", "ab", false),
            ("a*", "a*", true),
        ] {
            assert_eq!(matches(pattern, subject), expected, "{pattern} on {subject}");
        }
    }

    #[test]
    fn a_subject_that_is_not_utf8_is_delivered_readable() {
        let subject = Subject::from_wire(Bytes::from_static(b"a.\xff.b"));
        assert_eq!(subject, "a.\u{fffd}.b");
        let line = Bytes::from_static(b"MSG a.\xff.b 1 0");
        assert_eq!(Subject::within(&line, 4..9), subject);
        assert_eq!(Subject::within(&line, 0..3), "MSG");
    }
}
