//! What goes wrong with objects, as problems.

use super::{Code, Problem};
use crate::objects::{DeleteError, ObjectNameError, OpenError, PutError, ReadError};

/// The answer where there is no such object, or none for the caller.
pub(crate) fn object_not_found() -> Problem {
    Problem::new(Code::ObjectNotFound, "There is no such object, or not for this caller.")
}

fn precondition_failed() -> Problem {
    Problem::new(Code::PreconditionFailed, "A precondition does not hold.")
}

fn overtaken() -> Problem {
    Problem::new(Code::ObjectUnreadable, "Others keep replacing this object; nothing has changed.")
}

impl From<OpenError> for Problem {
    fn from(error: OpenError) -> Self {
        match error {
            // A role has only buckets that are declared, and whoever has none of it got no further.
            OpenError::NoBucket => object_not_found(),
            OpenError::NotReady(error) => error.into(),
            OpenError::NotConnected => {
                Self::new(Code::NatsUnavailable, "NATS cannot be reached; nothing has changed.")
                    .caused_by(error)
            }
            OpenError::Busy => Self::new(
                Code::TooManyTransfers,
                "As many objects are on their way as there is room for; try again.",
            )
            .caused_by(error),
            OpenError::CallerBusy => Self::new(
                Code::TooManyOwnTransfers,
                "As many objects of this caller are on their way as may be; try again when one has \
                 come.",
            )
            .caused_by(error),
        }
    }
}

impl From<ObjectNameError> for Problem {
    fn from(error: ObjectNameError) -> Self {
        Self::new(
            Code::InvalidObjectName,
            "An object's name has segments of A-Z, a-z, 0-9, `.`, `_` and `-` with `/` between them, \
             none of them `.` or `..`, and 255 bytes at most; nothing in it is escaped.",
        )
        .caused_by(error)
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::JetStream(_) => {
                Self::new(Code::JetstreamUnavailable, "The bucket does not answer; try again.")
            }
            ReadError::Info(_)
            | ReadError::PieceMissing
            | ReadError::Assembly(_)
            | ReadError::NotTaken => {
                Self::new(Code::ObjectUnreadable, "The object is not what was stored.")
            }
        }
        .caused_by(error)
    }
}

impl From<PutError> for Problem {
    fn from(error: PutError) -> Self {
        match error {
            PutError::Precondition => precondition_failed(),
            PutError::TooLarge { .. } => {
                Self::new(Code::ObjectTooLarge, "The object is larger than this bucket takes.")
            }
            PutError::TooSlow => {
                Self::new(Code::RequestTimeout, "The object comes too slowly; nothing of it stays.")
            }
            PutError::Body(_) => {
                Self::new(Code::IncompleteBody, "The body did not arrive whole.").caused_by(error)
            }
            PutError::Refused(_) => {
                Self::new(Code::BucketRefused, "The bucket is full; nothing has changed.")
                    .caused_by(error)
            }
            PutError::Overtaken => overtaken(),
            PutError::Read(error) => error.into(),
            PutError::Piece(_) => Self::new(
                Code::JetstreamUnavailable,
                "The bucket does not answer; nothing has changed. Try again.",
            )
            .caused_by(error),
            PutError::Unconfirmed(_) => Self::new(
                Code::ObjectUnconfirmed,
                "Whether the object is stored cannot be told; look, or store it again.",
            )
            .caused_by(error),
            PutError::Random(_) => Self::internal(error),
        }
    }
}

impl From<DeleteError> for Problem {
    fn from(error: DeleteError) -> Self {
        match error {
            DeleteError::NotFound => object_not_found(),
            DeleteError::Precondition => precondition_failed(),
            DeleteError::Overtaken => overtaken(),
            DeleteError::Read(error) => error.into(),
            DeleteError::Unconfirmed(_) => Self::new(
                Code::ObjectUnconfirmed,
                "Whether the object is deleted cannot be told; delete it again.",
            )
            .caused_by(error),
        }
    }
}
