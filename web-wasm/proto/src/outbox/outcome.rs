//! What comes of sending an entry.

use alloc::string::String;

use super::set_aside::SetAside;
use crate::jetstream::{ApiError, ErrorCode};

/// What came of sending an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The stream has it.
    Stored,
    /// It is not among the stored entries any more, and was not sent.
    Gone,
    /// It was not sent this time, for a reason that passes.
    NotSent,
    /// It was sent, and no answer came: in time, or before the connection broke.
    Lost,
    /// The server said that no stream stores the subject.
    NoResponders,
    /// The stream said no.
    Refused(ApiError),
    /// The client or the server takes no such message.
    Unsendable(String),
    /// What answered is no stream.
    Malformed(String),
}

/// What becomes of an entry that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is left to do for it: delete it.
    Done,
    /// It is sent again later.
    Again,
    /// Store that it was set aside.
    SetAside(SetAside),
}

impl Outcome {
    /// Whether it says that this time nothing was stored.
    pub(super) fn is_certainly_not_stored(&self) -> bool {
        !matches!(self, Self::Stored | Self::Lost | Self::Malformed(_))
    }

    /// Why it would be in vain to send the entry again.
    pub(super) fn refusal(self) -> Option<SetAside> {
        match self {
            Self::Refused(error) if !is_temporary(&error) => Some(SetAside::Refused {
                code: error.code(),
                err_code: error.error_code().0,
                description: error.description().into(),
            }),
            Self::Unsendable(problem) => Some(SetAside::Unsendable { problem }),
            Self::Malformed(problem) => Some(SetAside::Malformed { problem }),
            _ => None,
        }
    }
}

/// Whether the same message may be taken later: the server lacks something now (5xx), is asked too
/// much (429), or is still at work on the message before, which has the same id.
fn is_temporary(error: &ApiError) -> bool {
    error.code() >= 500
        || error.code() == 429
        || error.error_code() == ErrorCode::STREAM_DUPLICATE_MESSAGE_CONFLICT
}
