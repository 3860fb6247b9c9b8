//! Answers that say what went wrong.

use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Deserializer, Serializer};

use crate::header::{HeaderError, HeaderMap};

/// The header that says in words what went wrong.
pub const NATS_SERVICE_ERROR: &str = "Nats-Service-Error";

/// The header that says it as a number.
pub const NATS_SERVICE_ERROR_CODE: &str = "Nats-Service-Error-Code";

/// What a service says of a request that it could not fulfil.
///
/// ```
/// use nats_proto::HeaderMap;
/// use nats_proto::service::error::Error;
///
/// let mut headers = HeaderMap::new();
/// Error { code: 404, status: "no such product".into() }.write(&mut headers)?;
/// let told = Error::read(&headers).unwrap();
/// assert_eq!((told.code, &*told.status), (404, "no such product"));
/// assert_eq!(Error::read(&HeaderMap::new()), None);
/// # Ok::<(), nats_proto::HeaderError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Error {
    /// What went wrong, in words for whoever asked.
    pub status: String,
    /// The same as a number. Many services take HTTP's.
    pub code: usize,
}

impl Error {
    /// What the headers of an answer say went wrong, if they do. A code that is missing or no number
    /// is read as 0.
    pub fn read(headers: &HeaderMap) -> Option<Self> {
        let status = headers.get(NATS_SERVICE_ERROR);
        let code = headers.get(NATS_SERVICE_ERROR_CODE);
        if status.is_none() && code.is_none() {
            return None;
        }
        Some(Self {
            status: status.map_or_else(String::new, |status| status.as_str().into()),
            code: code.and_then(|code| code.parse().ok()).unwrap_or_default(),
        })
    }

    /// Puts the error into the headers of an answer, in the place of any that is there.
    ///
    /// # Errors
    /// [`HeaderError::ValueCharacter`] when the words are not on one line.
    pub fn write(&self, headers: &mut HeaderMap) -> Result<(), HeaderError> {
        headers.insert(NATS_SERVICE_ERROR, &self.status)?;
        headers.insert(NATS_SERVICE_ERROR_CODE, itoa::Buffer::new().format(self.code))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "service error {}: {}", self.code, self.status)
    }
}

impl core::error::Error for Error {}

/// An error as the STATS document has it: `code:words`, and empty for none.
pub(super) mod as_text {
    use super::{Deserialize, Deserializer, Error, Serializer, String};

    #[expect(clippy::ref_option, reason = "serde wants it so")]
    pub(in crate::service) fn serialize<S: Serializer>(
        error: &Option<Error>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match error {
            Some(Error { code, status }) => {
                serializer.collect_str(&format_args!("{code}:{status}"))
            }
            None => serializer.serialize_str(""),
        }
    }

    pub(in crate::service) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Error>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
        if text.is_empty() {
            return Ok(None);
        }
        let parts = text.split_once(':').and_then(|(code, rest)| Some((code.parse().ok()?, rest)));
        Ok(Some(match parts {
            Some((code, status)) => Error { code, status: status.into() },
            // Not every client writes a code there.
            None => Error { code: 0, status: text },
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_replaces_what_its_headers_said() {
        let mut headers = HeaderMap::new();
        headers.insert(NATS_SERVICE_ERROR, "old").unwrap();
        headers.insert(NATS_SERVICE_ERROR_CODE, "1").unwrap();
        headers.insert("Trace", "t").unwrap();
        let error = Error { code: 500, status: "new".into() };
        error.write(&mut headers).unwrap();
        assert_eq!((Error::read(&headers), headers.len()), (Some(error), 3));
    }

    #[test]
    fn half_an_error_is_one() {
        let mut headers = HeaderMap::new();
        headers.insert(NATS_SERVICE_ERROR_CODE, "many").unwrap();
        assert_eq!(Error::read(&headers), Some(Error::default()));
        let mut headers = HeaderMap::new();
        headers.insert(NATS_SERVICE_ERROR, "broken").unwrap();
        assert_eq!(Error::read(&headers), Some(Error { code: 0, status: "broken".into() }));
    }

    #[test]
    fn words_cant_forge_headers() {
        let forged = Error { code: 1, status: "x\r\nForged: yes".into() };
        let refused = forged.write(&mut HeaderMap::new());
        assert_eq!(refused, Err(HeaderError::ValueCharacter { at: 1 }));
    }
}
