//! Why what was wanted of a bucket did not happen.

use nats_proto::jetstream::{ApiError, ErrorCode};
use nats_proto::kv::{BucketError, ConfigError, KeyError};

use crate::jetstream::consumer::InboxError;
use crate::jetstream::consumer::pull::OrderedMessagesError;
use crate::jetstream::stream::{
    self, ConsumerCreateError, CreateStreamError, DirectGetError, GetStreamError, RawMessageError,
    UpdateStreamError,
};
use crate::jetstream::{PublishError, RequestError};

/// Why there is no new bucket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CreateKeyValueError {
    /// The caller's configuration is none.
    #[error(transparent)]
    InvalidConfig(#[from] ConfigError),
    /// The server is too old for [`Config::limit_markers`](super::Config::limit_markers).
    #[error("the server has no limit markers")]
    LimitMarkersNotSupported,
    /// The bucket's stream was not made.
    #[error(transparent)]
    Stream(#[from] CreateStreamError),
    /// The account was not looked up.
    #[error(transparent)]
    Request(#[from] RequestError),
}

/// Why a bucket was not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpdateKeyValueError {
    /// The caller's configuration is none.
    #[error(transparent)]
    InvalidConfig(#[from] ConfigError),
    /// The server is too old for [`Config::limit_markers`](super::Config::limit_markers).
    #[error("the server has no limit markers")]
    LimitMarkersNotSupported,
    /// There is no such bucket.
    #[error("there is no such bucket")]
    NotFound,
    /// The bucket's stream was not changed.
    #[error(transparent)]
    Stream(#[from] UpdateStreamError),
    /// The bucket, or the account, was not looked up.
    #[error(transparent)]
    Request(#[from] RequestError),
}

/// Why a bucket was neither made nor changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CreateOrUpdateKeyValueError {
    /// It was not there, and was not made.
    #[error(transparent)]
    Create(#[from] CreateKeyValueError),
    /// It was there, or could not be looked up, and was not changed.
    #[error(transparent)]
    Update(#[from] UpdateKeyValueError),
}

/// Why a bucket was not found, or not deleted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyValueError {
    /// The caller's name is none.
    #[error(transparent)]
    InvalidBucket(#[from] BucketError),
    /// There is no such bucket.
    #[error("there is no such bucket")]
    NotFound,
    /// There is a stream of its name, which keeps more than one value a key.
    #[error("the stream is no bucket")]
    NotABucket,
    /// The request failed.
    #[error(transparent)]
    Request(RequestError),
}

impl From<GetStreamError> for KeyValueError {
    fn from(error: GetStreamError) -> Self {
        match error {
            GetStreamError::Request(error) => Self::Request(error),
            _ => Self::NotFound,
        }
    }
}

/// Why it is not known what a bucket is and has.
pub type StatusError = RequestError;

/// Why an entry was not got.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// The caller's key is none.
    #[error(transparent)]
    InvalidKey(#[from] KeyError),
    /// The server that was asked gave none.
    #[error(transparent)]
    Direct(#[from] DirectGetError),
    /// The stream's leader gave none.
    #[error(transparent)]
    Raw(#[from] RawMessageError),
}

/// Why a value was not put.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PutError {
    /// The caller's key is none.
    #[error(transparent)]
    InvalidKey(#[from] KeyError),
    /// It is not known that the bucket has the value.
    #[error(transparent)]
    Publish(#[from] PublishError),
}

/// Why a key was not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpdateError {
    /// The caller's key is none.
    #[error(transparent)]
    InvalidKey(#[from] KeyError),
    /// The key's last entry is another than was expected. Nothing was changed.
    #[error("{0}")]
    WrongLastRevision(#[source] ApiError),
    /// It is not known that the bucket has the change.
    #[error(transparent)]
    Publish(PublishError),
}

impl UpdateError {
    /// Which error the server sent, if it sent one.
    pub fn error_code(&self) -> Option<ErrorCode> {
        match self {
            Self::InvalidKey(_) => None,
            Self::WrongLastRevision(error) => Some(error.error_code()),
            Self::Publish(error) => error.error_code(),
        }
    }
}

impl From<PublishError> for UpdateError {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::WrongLastSequence(error) => Self::WrongLastRevision(error),
            error => Self::Publish(error),
        }
    }
}

/// Why a key was not deleted.
pub type DeleteError = UpdateError;

/// Why a key was not deleted with its history.
pub type PurgeError = UpdateError;

/// Why a key did not come to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// The caller's key is none.
    #[error(transparent)]
    InvalidKey(#[from] KeyError),
    /// The key has a value.
    #[error("the key exists")]
    AlreadyExists,
    /// It was not found out whether the key is there.
    #[error(transparent)]
    Entry(EntryError),
    /// It is not known that the bucket has the value.
    #[error(transparent)]
    Publish(PublishError),
}

impl From<EntryError> for CreateError {
    fn from(error: EntryError) -> Self {
        match error {
            EntryError::InvalidKey(error) => Self::InvalidKey(error),
            error => Self::Entry(error),
        }
    }
}

impl From<UpdateError> for CreateError {
    fn from(error: UpdateError) -> Self {
        match error {
            UpdateError::InvalidKey(error) => Self::InvalidKey(error),
            UpdateError::WrongLastRevision(_) => Self::AlreadyExists,
            UpdateError::Publish(error) => Self::Publish(error),
        }
    }
}

/// Why a bucket is not watched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WatchError {
    /// One of the caller's keys is none, nor a pattern of keys.
    #[error(transparent)]
    InvalidKey(#[from] KeyError),
    /// The caller names no key.
    #[error("there are no keys to watch")]
    NoKeys,
    /// The consumer that would watch was not made.
    #[error(transparent)]
    Consumer(#[from] ConsumerCreateError),
    /// The client can't be told.
    #[error(transparent)]
    Inbox(#[from] InboxError),
}

/// Why neither keys nor a history are listed.
pub type HistoryError = WatchError;

/// A trouble of a watch, or of a list. After one that [`is_fatal`](OrderedMessagesError::is_fatal)
/// it ends; after others it goes on.
pub type WatcherError = OrderedMessagesError;

/// Why what deleted keys left is still there, or some of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PurgeDeletesError {
    /// It was not found out which keys are deleted.
    #[error(transparent)]
    Watch(#[from] WatchError),
    /// Finding that out was interrupted.
    #[error(transparent)]
    Watcher(#[from] WatcherError),
    /// The stream has a key that is none.
    #[error(transparent)]
    InvalidKey(#[from] KeyError),
    /// Entries were not deleted.
    #[error(transparent)]
    Purge(#[from] stream::PurgeError),
    /// The bucket was not looked up.
    #[error(transparent)]
    Request(#[from] RequestError),
}
