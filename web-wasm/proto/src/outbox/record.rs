//! An entry as it is stored.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::set_aside::SetAside;
use crate::header::{HeaderError, HeaderMap};
use crate::jetstream::headers;
use crate::subject::{Subject, SubjectError};

/// The first byte of every record: how the rest is written.
const VERSION: u8 = 1;
/// The version, and the length of the head.
const PREFIX: usize = 5;

/// An entry of an outbox: a message, and how far it is.
///
/// ```
/// # fn main() -> Result<(), nats_proto::outbox::RecordError> {
/// use core::time::Duration;
/// use nats_proto::outbox::Record;
///
/// let record = Record {
///     subject: "orders.7".into(),
///     headers: None,
///     payload: "{}".into(),
///     id: "order-7".into(),
///     made_at: Duration::from_secs(1_700_000_000),
///     sent_since: None,
///     set_aside: None,
/// };
/// let stored = record.encode();
/// assert_eq!(Record::decode(&stored.into())?, record);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it is published to.
    pub subject: Subject,
    /// The caller's headers, without the id.
    pub headers: Option<HeaderMap>,
    /// The body.
    pub payload: Bytes,
    /// The message's id, by which the stream stores it once.
    pub id: String,
    /// When it was put into the outbox, as the time since 1970, in whole milliseconds.
    pub made_at: Duration,
    /// Since when the stream may have it: it was sent then, and not every time since was answered. As
    /// the time since 1970, in whole milliseconds.
    pub sent_since: Option<Duration>,
    /// Why it is sent no more.
    pub set_aside: Option<SetAside>,
}

/// Why stored bytes are no entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// They end too early.
    #[error("{len} bytes are too few")]
    Truncated {
        /// How many there are.
        len: usize,
    },
    /// A newer version of this crate wrote them, or they are damaged.
    #[error("the record's version {version} is not known")]
    UnknownVersion {
        /// The first byte.
        version: u8,
    },
    /// What stands in front of the body is damaged.
    #[error("the record's head can't be read: {problem}")]
    Head {
        /// What is wrong with it.
        problem: String,
    },
    /// The subject can't be published to.
    #[error("invalid subject: {0}")]
    InvalidSubject(#[source] SubjectError),
    /// A header, or the id, can't be one.
    #[error("invalid header: {0}")]
    InvalidHeader(#[from] HeaderError),
}

#[derive(Serialize, Deserialize)]
struct Head {
    subject: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    headers: Vec<(String, String)>,
    id: String,
    made_at: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sent_since: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    set_aside: Option<SetAside>,
}

impl Record {
    /// The bytes to store: a version, the length of a head in JSON, the head, the body.
    ///
    /// Never panics.
    pub fn encode(&self) -> Vec<u8> {
        let headers = self.headers.iter().flat_map(HeaderMap::iter);
        let head = Head {
            subject: self.subject.to_string(),
            headers: headers.map(|(name, value)| (name.to_string(), value.to_string())).collect(),
            id: self.id.clone(),
            made_at: millis(self.made_at),
            sent_since: self.sent_since.map(millis),
            set_aside: self.set_aside.clone(),
        };
        // Text and numbers are always JSON; were they not, the record would be told as damaged.
        let head = serde_json::to_vec(&head).unwrap_or_default();
        let len = u32::try_from(head.len()).unwrap_or(u32::MAX);
        let mut bytes = Vec::with_capacity(PREFIX + head.len() + self.payload.len());
        bytes.push(VERSION);
        bytes.extend_from_slice(&len.to_be_bytes());
        bytes.extend_from_slice(&head);
        bytes.extend_from_slice(&self.payload);
        bytes
    }

    /// Reads what [`encode`](Self::encode) wrote, and checks it as if a stranger had.
    ///
    /// Never panics.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn decode(bytes: &Bytes) -> Result<Self, RecordError> {
        let truncated = || RecordError::Truncated { len: bytes.len() };
        let (&version, rest) = bytes.split_first().ok_or_else(truncated)?;
        if version != VERSION {
            return Err(RecordError::UnknownVersion { version });
        }
        let (len, rest) = rest.split_first_chunk::<4>().ok_or_else(truncated)?;
        let len = usize::try_from(u32::from_be_bytes(*len)).map_err(|_| truncated())?;
        let head = rest.get(..len).ok_or_else(truncated)?;
        let head: Head = serde_json::from_slice(head)
            .map_err(|error| RecordError::Head { problem: error.to_string() })?;
        let subject = Subject::from(head.subject);
        crate::subject::validate_publish(&subject).map_err(RecordError::InvalidSubject)?;
        let mut map = HeaderMap::new();
        map.insert(headers::MESSAGE_ID, &head.id)?;
        map.remove(headers::MESSAGE_ID);
        for (name, value) in &head.headers {
            map.append(name, value)?;
        }
        Ok(Self {
            subject,
            headers: (!map.is_empty()).then_some(map),
            payload: bytes.slice(PREFIX + len..),
            id: head.id,
            made_at: Duration::from_millis(head.made_at),
            sent_since: head.sent_since.map(Duration::from_millis),
            set_aside: head.set_aside,
        })
    }

    /// The headers as they are sent, with the id.
    ///
    /// # Errors
    /// [`HeaderError`], where the id can't be a header.
    pub fn headers_to_send(&self) -> Result<HeaderMap, HeaderError> {
        let mut map = self.headers.clone().unwrap_or_default();
        map.insert(headers::MESSAGE_ID, &self.id)?;
        Ok(map)
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record() -> Record {
        let mut headers = HeaderMap::new();
        headers.append("Trace", "a").unwrap();
        headers.append("Trace", "é").unwrap();
        Record {
            subject: "orders.7".into(),
            headers: Some(headers),
            payload: Bytes::from_static(b"\0\xff"),
            id: "id".into(),
            made_at: Duration::from_millis(1_700_000_000_123),
            sent_since: Some(Duration::from_millis(1_700_000_000_456)),
            set_aside: Some(SetAside::Expired { may_be_stored: true }),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let full = record();
        assert_eq!(Record::decode(&full.encode().into()), Ok(full));
        let bare = Record { headers: None, sent_since: None, set_aside: None, ..record() };
        assert_eq!(Record::decode(&bare.encode().into()), Ok(bare));
        let sent = record().headers_to_send().unwrap();
        assert_eq!((sent.len(), sent.get("Nats-Msg-Id").unwrap().as_str()), (3, "id"));
    }

    #[test]
    fn damage_is_told_by_name() {
        let decode = |bytes: &[u8]| Record::decode(&Bytes::copy_from_slice(bytes)).unwrap_err();
        assert_eq!(decode(b""), RecordError::Truncated { len: 0 });
        assert_eq!(decode(b"\x07rest"), RecordError::UnknownVersion { version: 7 });
        assert_eq!(decode(b"\x01\0\0"), RecordError::Truncated { len: 3 });
        assert_eq!(decode(b"\x01\0\0\0\x09{}"), RecordError::Truncated { len: 7 });
        assert!(matches!(decode(b"\x01\0\0\0\x02{}"), RecordError::Head { .. }));
        let with = |subject: &str, id: &str| {
            let record = Record { subject: subject.into(), id: id.into(), ..record() };
            Record::decode(&record.encode().into()).unwrap_err()
        };
        assert!(matches!(with("orders.*", "id"), RecordError::InvalidSubject(_)));
        assert!(matches!(with("orders", "a\r\nb"), RecordError::InvalidHeader(_)));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, at in 0usize..200, byte: u8) {
            let _ = Record::decode(&bytes.into());
            let mut damaged = record().encode();
            if let Some(place) = damaged.get_mut(at) {
                *place = byte;
            }
            let _ = Record::decode(&damaged.into());
        }
    }
}
