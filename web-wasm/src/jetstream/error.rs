//! Why a request to the JetStream API failed.

use nats_proto::jetstream::response::ResponseError;
use nats_proto::jetstream::{ApiError, ErrorCode};

/// Why a request to the JetStream API failed, whatever it was for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// JetStream is off, for the server or the account; or the stream is not there, where whoever
    /// keeps it was to answer.
    #[error("nobody answers for JetStream: it is off, or what was asked for is not there")]
    NoResponders,
    /// There was no answer.
    #[error(transparent)]
    Request(crate::RequestError),
    /// The server refuses.
    #[error(transparent)]
    Api(ApiError),
    /// The answer can't be read.
    #[error("the answer can't be read: {problem}")]
    Malformed {
        /// What is wrong with it.
        problem: String,
    },
}

impl RequestError {
    /// The server's error, if it sent one.
    pub fn api_error(&self) -> Option<&ApiError> {
        match self {
            Self::Api(error) => Some(error),
            _ => None,
        }
    }

    /// Which error the server sent, if it sent one.
    pub fn error_code(&self) -> Option<ErrorCode> {
        self.api_error().map(ApiError::error_code)
    }
}

impl From<crate::RequestError> for RequestError {
    fn from(error: crate::RequestError) -> Self {
        match error {
            crate::RequestError::NoResponders => Self::NoResponders,
            error => Self::Request(error),
        }
    }
}

impl From<ResponseError> for RequestError {
    fn from(error: ResponseError) -> Self {
        match error {
            ResponseError::Api(error) => Self::Api(error),
            error => Self::Malformed { problem: error.to_string() },
        }
    }
}
