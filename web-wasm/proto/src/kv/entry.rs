//! What a message of a bucket says.

use alloc::string::String;

use bytes::Bytes;

use super::headers::{DELETE, OPERATION, PURGE};
use super::layout::Layout;
use crate::header::{HeaderMap, HeaderValue};
use crate::jetstream::headers::MARKER_REASON;
use crate::jetstream::{DateTime, MessageInfo, StreamMessage};
use crate::message::Message;

/// What happened to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// It got a value.
    Put,
    /// It was deleted. Its history may be there.
    Delete,
    /// It was deleted with its history, or its value became too old.
    Purge,
}

impl Operation {
    /// What a message with these headers says.
    ///
    /// Whatever says that it is an operation, and which is not known, deletes: a newer client must
    /// not have its markers taken for values. Source: ADR-8 and ADR-48.
    pub fn of(headers: Option<&HeaderMap>) -> Self {
        let header = |name| headers.and_then(|headers| headers.get(name));
        match header(OPERATION).map(HeaderValue::as_str) {
            Some("PUT") => return Self::Put,
            Some(PURGE) => return Self::Purge,
            Some(DELETE | _) => return Self::Delete,
            None => {}
        }
        match header(MARKER_REASON).map(HeaderValue::as_str) {
            Some("MaxAge" | "Purge") => Self::Purge,
            Some(_) => Self::Delete,
            None => Self::Put,
        }
    }
}

/// What happened to a key at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The value; empty where there is none, or none was wanted.
    pub value: Bytes,
    /// The number of the message in the bucket's stream, which is higher for each later one.
    pub revision: u64,
    /// How many more entries there were to come when this one was delivered; 0 where it was got.
    pub delta: u64,
    /// When it was stored.
    pub created: DateTime,
    /// What happened.
    pub operation: Operation,
    /// Whether a watcher has now been told of all that there was when it began. False where the entry
    /// was got.
    pub seen_current: bool,
}

impl Entry {
    /// What a message says that was got from a bucket; `None` where its subject is none of the
    /// bucket's.
    pub fn got(layout: &Layout, message: StreamMessage) -> Option<Self> {
        Some(Self {
            bucket: layout.bucket().as_str().into(),
            key: layout.key(&message.subject)?.into(),
            operation: Operation::of(Some(&message.headers)),
            value: message.payload,
            revision: message.sequence,
            delta: 0,
            created: message.time,
            seen_current: false,
        })
    }

    /// What a message says that a consumer delivered; `None` where its subject is none of the
    /// bucket's, or its reply subject none of a consumer.
    pub fn delivered(layout: &Layout, message: &Message) -> Option<Self> {
        let info = MessageInfo::parse(message.reply.as_deref()?).ok()?;
        Some(Self {
            bucket: layout.bucket().as_str().into(),
            key: layout.key(&message.subject)?.into(),
            operation: Operation::of(message.headers.as_ref()),
            value: message.payload.clone(),
            revision: info.stream_sequence,
            delta: info.pending,
            created: info.published,
            seen_current: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jetstream::{ApiPrefix, stream};
    use crate::kv::Bucket;
    use proptest::prelude::*;

    #[test]
    fn operations_are_told_by_headers() {
        let of = |name: &str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value).unwrap();
            Operation::of(Some(&headers))
        };
        assert_eq!(Operation::of(None), Operation::Put);
        assert_eq!(of("X", "DEL"), Operation::Put);
        assert_eq!(of("KV-Operation", "PUT"), Operation::Put);
        assert_eq!(of("KV-Operation", "DEL"), Operation::Delete);
        assert_eq!(of("KV-Operation", "PURGE"), Operation::Purge);
        assert_eq!(of("KV-Operation", "NOVEL"), Operation::Delete);
        assert_eq!(of("Nats-Marker-Reason", "MaxAge"), Operation::Purge);
        assert_eq!(of("Nats-Marker-Reason", "Purge"), Operation::Purge);
        assert_eq!(of("Nats-Marker-Reason", "Remove"), Operation::Delete);
    }

    proptest! {
        #[test]
        fn no_message_makes_it_panic(subject in ".*|\\$KV\\.b\\..*", reply: Option<String>) {
            let layout = Layout::new(
                Bucket::new("b").unwrap(),
                &stream::Config::default(),
                &ApiPrefix::default(),
            );
            let reply = reply.map(Into::into);
            let message = Message { subject: subject.into(), reply, ..Message::default() };
            let _ = Entry::delivered(&layout, &message);
        }
    }
}
