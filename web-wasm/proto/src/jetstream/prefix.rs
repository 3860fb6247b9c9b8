//! The subjects of the JetStream API.

use alloc::format;
use core::fmt::{self, Write};

use bytestring::ByteString;

use super::{Name, NameError};
use crate::subject::{Subject, SubjectError, validate_publish};

/// Where the API of a JetStream is: what all its subjects begin with.
///
/// The default is `$JS.API`, the API of the account's own JetStream.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ApiPrefix(ByteString);

impl Default for ApiPrefix {
    fn default() -> Self {
        Self(ByteString::from_static("$JS.API"))
    }
}

/// What a request to the API is for, with the names that its subject has.
///
/// Names are [`Name`]s, and subjects in it well-formed patterns, so that no caller can make a
/// request into another. Source: the NATS documentation on the [JetStream API].
///
/// [JetStream API]: https://docs.nats.io/reference/reference-protocols/nats_api_reference
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Endpoint<'a> {
    /// What the account may use and uses.
    AccountInfo,
    /// Make a stream.
    StreamCreate(&'a Name),
    /// Change a stream.
    StreamUpdate(&'a Name),
    /// What a stream is and has.
    StreamInfo(&'a Name),
    /// Delete a stream.
    StreamDelete(&'a Name),
    /// Delete messages of a stream.
    StreamPurge(&'a Name),
    /// The names of all streams.
    StreamNames,
    /// All streams.
    StreamList,
    /// Get a message from the stream's leader.
    MessageGet(&'a Name),
    /// Delete a message.
    MessageDelete(&'a Name),
    /// Get messages from whichever server has them.
    DirectGet(&'a Name),
    /// Get the last message of a subject from whichever server has it.
    DirectGetLast {
        /// The stream.
        stream: &'a Name,
        /// The subject, well-formed.
        subject: &'a Subject,
    },
    /// Make or change a consumer.
    ConsumerCreate {
        /// The stream.
        stream: &'a Name,
        /// The consumer.
        consumer: &'a Name,
        /// The one subject or pattern that it filters by, if it is one.
        filter: Option<&'a Subject>,
    },
    /// What a consumer is and has.
    ConsumerInfo(&'a Name, &'a Name),
    /// Delete a consumer.
    ConsumerDelete(&'a Name, &'a Name),
    /// Have a consumer deliver nothing for a time, or go on.
    ConsumerPause(&'a Name, &'a Name),
    /// Take the messages from the client that is pinned.
    ConsumerUnpin(&'a Name, &'a Name),
    /// Set a consumer back.
    ConsumerReset(&'a Name, &'a Name),
    /// Ask a pull consumer for messages.
    ConsumerNext(&'a Name, &'a Name),
    /// The names of a stream's consumers.
    ConsumerNames(&'a Name),
    /// A stream's consumers.
    ConsumerList(&'a Name),
}

impl ApiPrefix {
    /// The API of a domain, such as that of a leaf node.
    ///
    /// # Errors
    /// Any [`NameError`].
    pub fn domain(domain: &str) -> Result<Self, NameError> {
        Ok(Self(format!("$JS.{}.API", Name::new(domain)?).into()))
    }

    /// The API where the account imports it at another place, such as `JS.hub.API`.
    ///
    /// # Errors
    /// Any [`SubjectError`].
    pub fn custom(prefix: &str) -> Result<Self, SubjectError> {
        validate_publish(prefix)?;
        Ok(Self(prefix.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The subject of a request.
    ///
    /// ```
    /// # fn main() -> Result<(), nats_proto::jetstream::NameError> {
    /// use nats_proto::jetstream::{ApiPrefix, Endpoint, Name};
    ///
    /// let orders = Name::new("ORDERS")?;
    /// let api = ApiPrefix::domain("hub")?;
    /// assert_eq!(api.subject(Endpoint::StreamInfo(&orders)), "$JS.hub.API.STREAM.INFO.ORDERS");
    /// # Ok(())
    /// # }
    /// ```
    pub fn subject(&self, endpoint: Endpoint<'_>) -> Subject {
        format!("{}.{endpoint}", self.0).into()
    }
}

impl fmt::Display for Endpoint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AccountInfo => f.write_str("INFO"),
            Self::StreamCreate(stream) => write!(f, "STREAM.CREATE.{stream}"),
            Self::StreamUpdate(stream) => write!(f, "STREAM.UPDATE.{stream}"),
            Self::StreamInfo(stream) => write!(f, "STREAM.INFO.{stream}"),
            Self::StreamDelete(stream) => write!(f, "STREAM.DELETE.{stream}"),
            Self::StreamPurge(stream) => write!(f, "STREAM.PURGE.{stream}"),
            Self::StreamNames => f.write_str("STREAM.NAMES"),
            Self::StreamList => f.write_str("STREAM.LIST"),
            Self::MessageGet(stream) => write!(f, "STREAM.MSG.GET.{stream}"),
            Self::MessageDelete(stream) => write!(f, "STREAM.MSG.DELETE.{stream}"),
            Self::DirectGet(stream) => write!(f, "DIRECT.GET.{stream}"),
            Self::DirectGetLast { stream, subject } => {
                write!(f, "DIRECT.GET.{stream}.{subject}")
            }
            Self::ConsumerCreate { stream, consumer, filter } => {
                write!(f, "CONSUMER.CREATE.{stream}.{consumer}")?;
                filter.map_or(Ok(()), |filter| f.write_char('.').and(f.write_str(filter)))
            }
            Self::ConsumerInfo(stream, name) => write!(f, "CONSUMER.INFO.{stream}.{name}"),
            Self::ConsumerDelete(stream, name) => write!(f, "CONSUMER.DELETE.{stream}.{name}"),
            Self::ConsumerPause(stream, name) => write!(f, "CONSUMER.PAUSE.{stream}.{name}"),
            Self::ConsumerUnpin(stream, name) => write!(f, "CONSUMER.UNPIN.{stream}.{name}"),
            Self::ConsumerReset(stream, name) => write!(f, "CONSUMER.RESET.{stream}.{name}"),
            Self::ConsumerNext(stream, name) => write!(f, "CONSUMER.MSG.NEXT.{stream}.{name}"),
            Self::ConsumerNames(stream) => write!(f, "CONSUMER.NAMES.{stream}"),
            Self::ConsumerList(stream) => write!(f, "CONSUMER.LIST.{stream}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn requests_go_where_the_server_listens() {
        let (stream, name) = (&Name::new("S").unwrap(), &Name::new("C").unwrap());
        let subject = &Subject::from("a.*");
        let api = ApiPrefix::default();
        for (endpoint, expected) in [
            (Endpoint::AccountInfo, "$JS.API.INFO"),
            (Endpoint::StreamCreate(stream), "$JS.API.STREAM.CREATE.S"),
            (Endpoint::StreamNames, "$JS.API.STREAM.NAMES"),
            (Endpoint::MessageGet(stream), "$JS.API.STREAM.MSG.GET.S"),
            (Endpoint::DirectGetLast { stream, subject }, "$JS.API.DIRECT.GET.S.a.*"),
            (
                Endpoint::ConsumerCreate { stream, consumer: name, filter: Some(subject) },
                "$JS.API.CONSUMER.CREATE.S.C.a.*",
            ),
            (
                Endpoint::ConsumerCreate { stream, consumer: name, filter: None },
                "$JS.API.CONSUMER.CREATE.S.C",
            ),
            (Endpoint::ConsumerNext(stream, name), "$JS.API.CONSUMER.MSG.NEXT.S.C"),
        ] {
            assert_eq!(api.subject(endpoint), expected);
        }
        let own = ApiPrefix::custom("JS.hub.API").unwrap();
        assert_eq!(own.subject(Endpoint::StreamList), "JS.hub.API.STREAM.LIST");
        assert!(ApiPrefix::custom("a.>").is_err());
        assert!(ApiPrefix::domain("a.b").is_err());
    }

    proptest! {
        #[test]
        fn names_never_become_more_or_other_tokens(stream in "\\PC{1,4}", consumer in ".{1,4}") {
            let (Ok(stream), Ok(consumer)) = (Name::new(stream), Name::new(consumer)) else {
                return Ok(());
            };
            let endpoint = Endpoint::ConsumerDelete(&stream, &consumer);
            let subject = ApiPrefix::default().subject(endpoint);
            prop_assert!(validate_publish(&subject).is_ok());
            let tokens = subject.split('.').collect::<alloc::vec::Vec<_>>();
            prop_assert_eq!(tokens, ["$JS", "API", "CONSUMER", "DELETE", &stream, &consumer]);
        }
    }
}
