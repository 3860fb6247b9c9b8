//! The names of object stores.

use alloc::format;
use core::fmt;
use core::ops::Deref;

use crate::jetstream::{MAX_NAME_LEN, Name};
use crate::kv::{self, BucketError};

/// What the names of stores' streams begin with.
const STREAM_PREFIX: &str = "OBJ_";

/// The name of an object store: ASCII letters, digits, `_` and `-`, as of a
/// [key-value bucket](kv::Bucket).
///
/// ```
/// use nats_proto::object_store::Bucket;
///
/// assert_eq!(&*Bucket::new("images").unwrap().stream(), "OBJ_images");
/// assert!(Bucket::new("a.b").is_err());
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket(kv::Bucket);

impl Bucket {
    /// A name, checked.
    ///
    /// # Errors
    /// Any [`BucketError`].
    pub fn new(name: impl AsRef<str>) -> Result<Self, BucketError> {
        let bucket = kv::Bucket::new(name)?;
        match bucket.len() {
            len if len + STREAM_PREFIX.len() > MAX_NAME_LEN => Err(BucketError::TooLong { len }),
            _ => Ok(Self(bucket)),
        }
    }

    /// The store of a stream; `None` where that is no store's.
    pub fn of_stream(stream: &str) -> Option<Self> {
        Self::new(stream.strip_prefix(STREAM_PREFIX)?).ok()
    }

    /// The name of the store's stream.
    pub fn stream(&self) -> Name {
        Name::known(format!("{STREAM_PREFIX}{}", self.0))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl Deref for Bucket {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_a_stream_of_one_token() {
        let bucket = Bucket::new("A-b_9").unwrap();
        assert_eq!(&*bucket.stream(), "OBJ_A-b_9");
        assert_eq!(Bucket::of_stream("OBJ_A-b_9"), Some(bucket));
        assert_eq!(Bucket::of_stream("KV_a"), None);
        assert!(Bucket::new("a".repeat(251)).is_ok());
        assert_eq!(Bucket::new("a".repeat(252)), Err(BucketError::TooLong { len: 252 }));
        assert_eq!(Bucket::new("a.b"), Err(BucketError::ForbiddenCharacter { at: 1 }));
    }
}
