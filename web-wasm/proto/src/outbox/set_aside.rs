//! Why an entry is not sent any more.

use alloc::string::String;
use core::time::Duration;

use serde::{Deserialize, Serialize};

/// Why an entry was set aside. It is kept, and sent no more until somebody asks for that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SetAside {
    /// The stream refuses the message, and will again.
    #[error("refused: {description} (code {code}, error code {err_code})")]
    Refused {
        /// The class of the error, as HTTP has them.
        code: u16,
        /// The number of the error, as in [`ErrorCode`](crate::jetstream::ErrorCode).
        err_code: u64,
        /// The error in the server's words.
        description: String,
    },
    /// No stream stored the subject as often as it was tried.
    #[error("no stream stores the subject, after {attempts} attempts")]
    NoStream {
        /// How often.
        attempts: u32,
    },
    /// The client or the server takes no such message: it is too large, or not allowed.
    #[error("not to be sent: {problem}")]
    Unsendable {
        /// What is wrong with it.
        problem: String,
    },
    /// What answered is no stream.
    #[error("the confirmation can't be read: {problem}")]
    Malformed {
        /// What is wrong with the answer.
        problem: String,
    },
    /// It was not confirmed before it had its greatest age.
    #[error("expired{}", if *may_be_stored { ", and may have been stored" } else { "" })]
    Expired {
        /// Whether it was sent without an answer, so that the stream may have it all the same.
        may_be_stored: bool,
    },
    /// It was sent without an answer, so long ago that the stream may have forgotten its id: sent
    /// again, it might be stored twice.
    #[error("sent without an answer longer ago than the stream knows ids")]
    InDoubt {
        /// When it was sent first, as the time since 1970.
        sent_since: Duration,
    },
}
