//! Why what was wanted of a stream did not happen.

use nats_proto::SubjectError;
use nats_proto::jetstream::{ApiError, DirectAnswerError, ErrorCode, NameError};

use crate::jetstream::context::InvalidDomain;
use crate::jetstream::error::RequestError;

/// Why there is no new stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CreateStreamError {
    /// The caller's name is none.
    #[error("invalid stream name: {0}")]
    InvalidName(#[from] NameError),
    /// The domain of a stream to copy is none.
    #[error("invalid domain: {0}")]
    InvalidDomain(#[source] NameError),
    /// There is a stream of this name already, with another configuration.
    #[error("{0}")]
    AlreadyExists(#[source] ApiError),
    /// The request failed.
    #[error(transparent)]
    Request(RequestError),
}

/// Why a stream was not found, or not deleted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GetStreamError {
    /// The caller's name is none.
    #[error("invalid stream name: {0}")]
    InvalidName(#[from] NameError),
    /// There is no such stream.
    #[error("{0}")]
    NotFound(#[source] ApiError),
    /// The request failed.
    #[error(transparent)]
    Request(RequestError),
}

/// Why a stream was not deleted.
pub type DeleteStreamError = GetStreamError;

/// Why a stream was not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpdateStreamError {
    /// The caller's name is none.
    #[error("invalid stream name: {0}")]
    InvalidName(#[from] NameError),
    /// The domain of a stream to copy is none.
    #[error("invalid domain: {0}")]
    InvalidDomain(#[source] NameError),
    /// There is no such stream.
    #[error("{0}")]
    NotFound(#[source] ApiError),
    /// The request failed.
    #[error(transparent)]
    Request(RequestError),
}

/// Why no stream of a subject was found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GetStreamByNameError {
    /// The caller's subject is none.
    #[error("invalid subject: {0}")]
    InvalidSubject(#[from] SubjectError),
    /// No stream stores it.
    #[error("no stream stores the subject")]
    NotFound,
    /// The request failed.
    #[error(transparent)]
    Request(#[from] RequestError),
}

/// Why it is not known what a stream is and has.
pub type InfoError = RequestError;

/// Why the entries of a list did not come.
pub type StreamsError = RequestError;

/// Why messages of a stream were not deleted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PurgeError {
    /// The caller's filter is no subject or pattern.
    #[error("invalid filter: {0}")]
    InvalidFilter(#[from] SubjectError),
    /// The request failed.
    #[error(transparent)]
    Request(#[from] RequestError),
}

/// Why a stream's leader gave no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RawMessageError {
    /// The caller's subject is none.
    #[error("invalid subject: {0}")]
    InvalidSubject(#[from] SubjectError),
    /// There is no such message.
    #[error("{0}")]
    NoMessageFound(#[source] ApiError),
    /// The request failed.
    #[error(transparent)]
    Request(RequestError),
}

/// Why the last message of a subject was not got.
pub type LastRawMessageError = RawMessageError;

/// Why no server that keeps a stream gave a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DirectGetError {
    /// The caller's subject is none.
    #[error("invalid subject: {0}")]
    InvalidSubject(#[from] SubjectError),
    /// There is no such message.
    #[error("no such message")]
    NotFound,
    /// The answer is none, or a refusal.
    #[error(transparent)]
    Answer(DirectAnswerError),
    /// Some of many messages did not come in time, or more came than there was room for.
    #[error("some of the messages are missing")]
    Incomplete,
    /// The request failed; `NoResponders` where the stream does not allow getting directly.
    #[error(transparent)]
    Request(#[from] RequestError),
}

/// Why a message was not deleted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeleteMessageError {
    /// There is no such message.
    #[error("{0}")]
    NotFound(#[source] ApiError),
    /// The request failed.
    #[error(transparent)]
    Request(RequestError),
}

/// Why what was wanted of a consumer did not happen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConsumerError {
    /// The caller's name is none.
    #[error("invalid consumer name: {0}")]
    InvalidName(#[from] NameError),
    /// There is no such consumer.
    #[error("{0}")]
    NotFound(#[source] ApiError),
    /// The request failed.
    #[error(transparent)]
    Request(RequestError),
}

/// Why a consumer was not made or changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConsumerCreateError {
    /// The caller's name is none.
    #[error("invalid consumer name: {0}")]
    InvalidName(#[from] NameError),
    /// The caller's filter is no subject or pattern.
    #[error("invalid filter subject: {0}")]
    InvalidFilter(#[from] SubjectError),
    /// There is a consumer of this name already, with another configuration.
    #[error("{0}")]
    AlreadyExists(#[source] ApiError),
    /// There is no consumer of this name that could be changed.
    #[error("{0}")]
    DoesNotExist(#[source] ApiError),
    /// There is no such stream.
    #[error("{0}")]
    StreamNotFound(#[source] ApiError),
    /// The request failed.
    #[error(transparent)]
    Request(RequestError),
}

impl From<InvalidDomain> for CreateStreamError {
    fn from(InvalidDomain(error): InvalidDomain) -> Self {
        Self::InvalidDomain(error)
    }
}

impl From<InvalidDomain> for UpdateStreamError {
    fn from(InvalidDomain(error): InvalidDomain) -> Self {
        Self::InvalidDomain(error)
    }
}

/// Sorts the server's errors: those of these codes have a variant of their own.
macro_rules! sorted {
    ($type:ident { $($($code:ident)|+ => $variant:ident,)* }) => {
        impl $type {
            pub(in crate::jetstream) fn from_request(error: RequestError) -> Self {
                match error {
                    $(
                        RequestError::Api(error)
                            if [$(ErrorCode::$code),+].contains(&error.error_code()) =>
                        {
                            Self::$variant(error)
                        }
                    )*
                    error => Self::Request(error),
                }
            }

            /// The server's error, if it sent one.
            pub fn api_error(&self) -> Option<&ApiError> {
                if let Self::Request(error) = self {
                    return error.api_error();
                }
                $(
                    if let Self::$variant(error) = self {
                        return Some(error);
                    }
                )*
                None
            }

            /// Which error the server sent, if it sent one.
            pub fn error_code(&self) -> Option<ErrorCode> {
                self.api_error().map(ApiError::error_code)
            }
        }
    };
}

sorted!(CreateStreamError { STREAM_NAME_EXIST => AlreadyExists, });
sorted!(GetStreamError { STREAM_NOT_FOUND => NotFound, });
sorted!(UpdateStreamError { STREAM_NOT_FOUND => NotFound, });
sorted!(RawMessageError { NO_MESSAGE_FOUND => NoMessageFound, });
sorted!(DeleteMessageError { SEQUENCE_NOT_FOUND => NotFound, });
sorted!(ConsumerError { CONSUMER_NOT_FOUND | STREAM_NOT_FOUND => NotFound, });
sorted!(ConsumerCreateError {
    CONSUMER_NAME_EXIST | CONSUMER_ALREADY_EXISTS => AlreadyExists,
    CONSUMER_DOES_NOT_EXIST => DoesNotExist,
    STREAM_NOT_FOUND => StreamNotFound,
});
