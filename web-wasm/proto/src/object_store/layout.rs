//! Which subjects an object has.

use alloc::format;
use alloc::string::String;

use data_encoding::BASE64URL;

use super::bucket::Bucket;
use crate::subject::{MAX_LEN, Subject};

/// The subjects of a store's objects.
///
/// ```
/// use nats_proto::object_store::{Bucket, Layout};
///
/// let layout = Layout::new(Bucket::new("images").unwrap());
/// assert_eq!(layout.meta("a cat.png").unwrap(), "$O.images.M.YSBjYXQucG5n");
/// assert_eq!(layout.chunks("nuid"), "$O.images.C.nuid");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    bucket: Bucket,
}

/// Why a text can't be the name of an object. Apart from these any text can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// There is no text.
    #[error("the object's name is empty")]
    Empty,
    /// The name does not fit into a subject.
    #[error("the object's name has {len} bytes, which is too long")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
}

impl Layout {
    /// The layout of a store.
    pub fn new(bucket: Bucket) -> Self {
        Self { bucket }
    }

    /// The store.
    pub fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    /// Where the pieces of the object with this id are.
    pub fn chunks(&self, nuid: &str) -> Subject {
        format!("$O.{}.C.{nuid}", self.bucket).into()
    }

    /// Where the info of the object with this name is.
    ///
    /// # Errors
    /// Any [`NameError`].
    pub fn meta(&self, name: &str) -> Result<Subject, NameError> {
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        let subject = format!("$O.{}.M.{}", self.bucket, BASE64URL.encode(name.as_bytes()));
        if subject.len() > MAX_LEN {
            return Err(NameError::TooLong { len: name.len() });
        }
        Ok(subject.into())
    }

    /// The pattern of all pieces.
    pub fn all_chunks(&self) -> String {
        format!("$O.{}.C.>", self.bucket)
    }

    /// The pattern of all infos.
    pub fn all_meta(&self) -> String {
        format!("$O.{}.M.>", self.bucket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::validate_publish;
    use proptest::prelude::*;

    #[test]
    fn names_without_text_or_with_too_much_are_refused() {
        let layout = Layout::new(Bucket::new("b").unwrap());
        assert_eq!(layout.meta(""), Err(NameError::Empty));
        let len = MAX_LEN;
        assert_eq!(layout.meta(&"a".repeat(len)), Err(NameError::TooLong { len }));
    }

    proptest! {
        #[test]
        fn any_name_makes_one_token(name in ".{1,200}") {
            let layout = Layout::new(Bucket::new("b").unwrap());
            let subject = layout.meta(&name).unwrap();
            prop_assert_eq!(validate_publish(&subject), Ok(()));
            let token = subject.strip_prefix("$O.b.M.").unwrap();
            prop_assert!(!token.contains('.'));
            prop_assert_eq!(BASE64URL.decode(token.as_bytes()).unwrap(), name.as_bytes());
        }
    }
}
