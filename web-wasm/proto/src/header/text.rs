//! What a header is made of, and what it can't be made of.

use alloc::string::String;
use core::fmt;
use core::ops::Deref;

use bytestring::ByteString;

/// The name of a header: printable ASCII without the colon. Case is kept and matters.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct HeaderName(pub(super) ByteString);

/// The value of a header: any text on one line. White space around it is not kept on the wire.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct HeaderValue(pub(super) ByteString);

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

pub(super) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b':'
}
