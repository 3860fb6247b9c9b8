//! What goes wrong with an outbox.

use nats_proto::outbox::SetAside;
use nats_proto::{HeaderError, SubjectError};

/// Why there is no outbox.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The entries can't be stored.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The browser has nothing by which tabs agree on who sends.
    #[error(transparent)]
    Tabs(#[from] TabsError),
}

/// Why entries were not stored, read or deleted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The browser has no IndexedDB here, as some have not in private mode.
    #[error("the browser stores nothing here: {problem}")]
    Unavailable {
        /// What the browser says.
        problem: String,
    },
    /// A newer version of this crate made the database.
    #[error("a newer version made the database")]
    NewerVersion,
    /// The origin may store no more.
    #[error("the browser's quota is used up")]
    QuotaExceeded,
    /// The database was closed or deleted, by another tab or the browser.
    #[error("the database was closed")]
    Closed,
    /// Something else.
    #[error("the database failed: {problem}")]
    Failed {
        /// What the browser says.
        problem: String,
    },
}

/// Why tabs can't agree on who sends.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TabsError {
    /// The browser has no Web Locks, as where the page did not come over a secure connection.
    #[error("the browser has no locks here")]
    NoLocks,
    /// The browser has no broadcast channels.
    #[error("the browser has no broadcast channels here")]
    NoChannels,
    /// The browser refused the lock.
    #[error("the browser refused the lock: {problem}")]
    Refused {
        /// What it says.
        problem: String,
    },
}

/// Why a message was not put into the outbox.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The caller's subject can't be published to.
    #[error("invalid subject: {0}")]
    InvalidSubject(#[source] SubjectError),
    /// The caller's header can't be one.
    #[error("invalid header: {0}")]
    InvalidHeader(#[from] HeaderError),
    /// The caller's message expects a number of the last message, and so can't be sent twice.
    #[error("a message that expects a number of the last one can't be sent again")]
    NotRepeatable,
    /// There are as many entries as may be, those that were set aside included.
    #[error("the outbox has its limit of {limit} messages")]
    MaxMessages {
        /// The limit.
        limit: u64,
    },
    /// The entries would be larger than they may be, those that were set aside included.
    #[error("{size} more bytes exceed the outbox's {limit}")]
    MaxBytes {
        /// What this one takes, as it is stored, in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The entry could not be stored.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The outbox was closed.
    #[error("the outbox is closed")]
    Closed,
}

/// Why no acknowledgement of an entry comes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AckError {
    /// It was set aside, and is still in the outbox.
    #[error(transparent)]
    SetAside(SetAside),
    /// It was removed from the outbox.
    #[error("the entry was removed")]
    Removed,
    /// It is in the outbox no more: a tab that was closed since has had it stored, or removed it.
    #[error("the entry is there no more, and who settled it is gone")]
    Gone,
    /// The outbox was closed. The entry is still in it.
    #[error("the outbox is closed")]
    Closed,
}
