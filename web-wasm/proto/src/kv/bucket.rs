//! The names of buckets.

use alloc::format;
use core::fmt;
use core::ops::Deref;

use bytestring::ByteString;

use crate::jetstream::{MAX_NAME_LEN, Name};

/// What the names of buckets' streams begin with.
const STREAM_PREFIX: &str = "KV_";

/// The name of a bucket: ASCII letters, digits, `_` and `-`.
///
/// ```
/// use nats_proto::kv::{Bucket, BucketError};
///
/// assert_eq!(&*Bucket::new("profiles").unwrap().stream(), "KV_profiles");
/// assert_eq!(Bucket::new("a.b"), Err(BucketError::ForbiddenCharacter { at: 1 }));
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket(ByteString);

/// Why a text is no [`Bucket`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BucketError {
    /// There is no text.
    #[error("the bucket's name is empty")]
    Empty,
    /// There is something else than ASCII letters, digits, `_` and `-`.
    #[error("the bucket's name has a forbidden character at byte {at}")]
    ForbiddenCharacter {
        /// Where it stands, in bytes.
        at: usize,
    },
    /// With what the name of its stream begins with, the name is longer than a stream's may be.
    #[error("the bucket's name has {len} bytes, which is too long")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
}

impl Bucket {
    /// A name, checked.
    ///
    /// # Errors
    /// Any [`BucketError`].
    pub fn new(name: impl AsRef<str>) -> Result<Self, BucketError> {
        let name = name.as_ref();
        if name.is_empty() {
            return Err(BucketError::Empty);
        }
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if let Some(at) = name.bytes().position(|byte| !allowed(byte)) {
            return Err(BucketError::ForbiddenCharacter { at });
        }
        if name.len() + STREAM_PREFIX.len() > MAX_NAME_LEN {
            return Err(BucketError::TooLong { len: name.len() });
        }
        Ok(Self(ByteString::from(name)))
    }

    /// The bucket of a stream; `None` where that is no bucket's.
    pub fn of_stream(stream: &str) -> Option<Self> {
        Self::new(stream.strip_prefix(STREAM_PREFIX)?).ok()
    }

    /// The name of the bucket's stream.
    pub fn stream(&self) -> Name {
        Name::known(format!("{STREAM_PREFIX}{}", self.0))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for Bucket {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_a_stream_of_one_token() {
        for name in ["a", "A-b_9", "-", "KV_x"] {
            let bucket = Bucket::new(name).unwrap();
            let stream = bucket.stream();
            assert_eq!(Name::new(&*stream), Ok(stream.clone()), "{name}");
            assert_eq!(Bucket::of_stream(&stream), Some(bucket));
        }
        for (name, at) in [("a.b", 1), ("*", 0), ("a b", 1), ("a\0", 1), ("aé", 1), ("$a", 0)] {
            assert_eq!(Bucket::new(name), Err(BucketError::ForbiddenCharacter { at }), "{name:?}");
        }
        assert_eq!(Bucket::new(""), Err(BucketError::Empty));
        assert!(Bucket::new("a".repeat(252)).is_ok());
        assert_eq!(Bucket::new("a".repeat(253)), Err(BucketError::TooLong { len: 253 }));
        for stream in ["ORDERS", "KV_", "KV_a.b"] {
            assert_eq!(Bucket::of_stream(stream), None, "{stream}");
        }
    }
}
