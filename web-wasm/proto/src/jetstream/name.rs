//! The names of streams and consumers.

use alloc::string::String;
use core::fmt;
use core::ops::Deref;

use bytestring::ByteString;

/// The longest name that the server takes, in bytes.
pub const MAX_NAME_LEN: usize = 255;

/// The name of a stream, consumer or domain: exactly one token of a subject.
///
/// It has no white space, no control characters and none of `.*>/\`. Source: nats-server's checks of
/// stream and consumer names.
///
/// ```
/// use nats_proto::jetstream::{Name, NameError};
///
/// assert!(Name::new("ORDERS").is_ok());
/// assert_eq!(Name::new("ORDERS.>"), Err(NameError::ForbiddenCharacter { at: 6 }));
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(ByteString);

/// Why a text is no [`Name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// There is no text.
    #[error("the name is empty")]
    Empty,
    /// There is white space, a control character, or one of `.*>/\`.
    #[error("the name has a forbidden character at byte {at}")]
    ForbiddenCharacter {
        /// Where it stands, in bytes.
        at: usize,
    },
    /// The name is longer than [`MAX_NAME_LEN`].
    #[error("the name has {len} bytes; {MAX_NAME_LEN} are allowed")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
}

impl Name {
    /// A name, checked.
    ///
    /// # Errors
    /// Any [`NameError`].
    pub fn new(name: impl AsRef<str>) -> Result<Self, NameError> {
        let name = name.as_ref();
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        if name.len() > MAX_NAME_LEN {
            return Err(NameError::TooLong { len: name.len() });
        }
        let forbidden = |c: char| c.is_whitespace() || c.is_control() || ".*>/\\".contains(c);
        match name.find(forbidden) {
            Some(at) => Err(NameError::ForbiddenCharacter { at }),
            None => Ok(Self(ByteString::from(name))),
        }
    }

    /// A name that is well-formed by the way it was made.
    pub(crate) fn known(name: String) -> Self {
        Self(ByteString::from(name))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_token() {
        for good in ["a", "ORDERS", "my-stream_7", "é", "KV_b", "$x", "{{name()}}"] {
            assert!(Name::new(good).is_ok(), "{good:?}");
        }
        for (bad, at) in [
            ("a.b", 1),
            ("*", 0),
            (">", 0),
            ("a b", 1),
            ("a\r\n", 1),
            ("a\0", 1),
            ("é/", 2),
            ("\\", 0),
        ] {
            assert_eq!(Name::new(bad), Err(NameError::ForbiddenCharacter { at }), "{bad:?}");
        }
        assert_eq!(Name::new(""), Err(NameError::Empty));
        assert!(Name::new("a".repeat(255)).is_ok());
        assert_eq!(Name::new("a".repeat(256)), Err(NameError::TooLong { len: 256 }));
    }
}
