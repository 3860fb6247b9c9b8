//! What goes wrong with objects.

use std::error::Error;

use nats_proto::object_store::AssemblyError;

use crate::{
    publish::StreamError,
    streams::{JetStreamError, StreamsNotReady},
};

/// A bucket can't be worked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The roles file declares none of that name.
    #[error("no such bucket is declared")]
    NoBucket,
    /// It is not known to be right.
    #[error(transparent)]
    NotReady(#[from] StreamsNotReady),
    /// There is no connection to NATS.
    #[error("there is no connection to NATS")]
    NotConnected,
    /// As much is going on as this process has room for.
    #[error("too many transfers are going on")]
    Busy,
    /// As much is going on for this caller as may be for one.
    #[error("too many transfers of this caller are going on")]
    CallerBusy,
}

/// An object can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// JetStream did not do what it was asked.
    #[error(transparent)]
    JetStream(#[from] JetStreamError),
    /// What is known of the object is not of its form.
    #[error("what the bucket says of the object is malformed")]
    Info(#[source] Box<dyn Error + Send + Sync>),
    /// A piece is not there: the object was replaced or deleted meanwhile, or it is not whole.
    #[error("a piece is missing")]
    PieceMissing,
    /// The pieces are not what was stored.
    #[error("the pieces do not make up the object")]
    Assembly(#[from] AssemblyError),
    /// Whoever it is for has not taken it for too long.
    #[error("nobody takes the object")]
    NotTaken,
}

/// A message is not known to be stored.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreError {
    /// Another was stored first.
    #[error("another message was stored first")]
    Overtaken,
    /// The stream refused it.
    #[error("the stream did not take it")]
    Refused(#[source] StreamError),
    /// Nobody can tell.
    #[error(transparent)]
    JetStream(#[from] JetStreamError),
    /// Somebody else than a stream answered.
    #[error("somebody else answered than a stream")]
    Answer,
}

/// An object was not put. Unless it is [`PutError::Unconfirmed`], what was there before is there
/// still, and nothing of the new one stays.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// A precondition does not hold.
    #[error("a precondition does not hold")]
    Precondition,
    /// It is larger than the bucket takes.
    #[error("the object has more than {max} bytes")]
    TooLarge {
        /// Bytes that it takes.
        max: u64,
    },
    /// It did not come fast enough.
    #[error("the object comes too slowly")]
    TooSlow,
    /// It did not come whole.
    #[error("the object did not come whole")]
    Body(#[source] Box<dyn Error + Send + Sync>),
    /// The bucket is full, or refuses for another reason.
    #[error("the bucket did not take it")]
    Refused(#[source] StreamError),
    /// Others replaced it again and again meanwhile.
    #[error("others keep replacing the object")]
    Overtaken,
    /// What was there before can't be looked at.
    #[error("what is there cannot be looked at")]
    Read(#[from] ReadError),
    /// A piece is not known to be stored.
    #[error("a piece is not known to be stored")]
    Piece(#[source] Box<dyn Error + Send + Sync>),
    /// All pieces are stored, and whether the object is, nobody can tell.
    #[error("whether the object is stored cannot be told")]
    Unconfirmed(#[source] Box<dyn Error + Send + Sync>),
    /// The system has no randomness.
    #[error("there is no randomness for an id")]
    Random(#[from] getrandom::Error),
}

/// An object was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteError {
    /// It is not there.
    #[error("there is no such object")]
    NotFound,
    /// A precondition does not hold.
    #[error("a precondition does not hold")]
    Precondition,
    /// Others replaced it again and again meanwhile.
    #[error("others keep replacing the object")]
    Overtaken,
    /// It can't be looked at.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Whether it is deleted nobody can tell.
    #[error("whether the object is deleted cannot be told")]
    Unconfirmed(#[source] Box<dyn Error + Send + Sync>),
}
