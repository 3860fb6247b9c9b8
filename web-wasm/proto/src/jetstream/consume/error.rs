//! What goes wrong while messages are read.

use bytestring::ByteString;

/// A trouble of a [`Pull`](super::Pull). What [`is_fatal`](Self::is_fatal) ends it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PullError {
    /// The server refuses the caller's request for what it says: a group that the consumer has
    /// not, say.
    #[error("the server refuses the request: {0}")]
    BadRequest(ByteString),
    /// The caller asks for more than the consumer admits.
    #[error("the request exceeds a limit of the consumer: {0}")]
    LimitExceeded(ByteString),
    /// The next message has more bytes than the caller wants at a time.
    #[error("a message is larger than the {max_bytes} bytes that are asked for")]
    MessageTooLarge {
        /// How many the caller wants.
        max_bytes: usize,
    },
    /// The consumer delivers by itself and takes no requests.
    #[error("the consumer is push based")]
    PushBased,
    /// The consumer was deleted.
    #[error("the consumer was deleted")]
    ConsumerDeleted,
    /// Nobody has answered for the consumer for a while: it is not there, or has no leader.
    #[error("nobody answers for the consumer")]
    NoResponders,
    /// As many requests of other clients wait as the consumer admits.
    #[error("too many requests wait for the consumer's messages")]
    TooManyRequests,
    /// The server was silent for longer than it should be. The request was made again.
    #[error("no heartbeat came in time")]
    MissingHeartbeat,
    /// The server said something that this version does not know.
    #[error("the server says {code} {description}")]
    Status {
        /// The code.
        code: u16,
        /// The words after it.
        description: ByteString,
    },
}

impl PullError {
    /// Whether no further request can mend it.
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::BadRequest(_) | Self::PushBased | Self::ConsumerDeleted)
    }
}

/// Why a [`Batch`](super::Batch) ended before it was full or its time was up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// What a [`Pull`](super::Pull) may meet too.
    #[error(transparent)]
    Pull(#[from] PullError),
    /// Nothing was heard of the request, not even that its time is up.
    #[error("the server did not answer the request")]
    TimedOut,
}

/// A trouble of an [`Ordered`](super::Ordered) consumer. What [`is_fatal`](Self::is_fatal) ends
/// it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OrderedError {
    /// While no consumer was there the stream dropped these messages, some of which the consumer
    /// may have been meant to deliver. It goes on with what follows.
    #[error("the stream no longer has its messages {first} to {last}")]
    Gap {
        /// The first number in the stream.
        first: u64,
        /// The last one.
        last: u64,
    },
    /// The stream is another one of the same name, or has lost its last messages. It is read from its
    /// beginning: what of it was delivered before can't be told.
    #[error("the stream begins anew")]
    StreamReset,
    /// No consumer can be made: the server refuses it again and again.
    #[error("the server refuses the consumer: {0}")]
    Refused(ByteString),
    /// No consumer could be made for a while. It is tried again.
    #[error("no consumer could be made: {0}")]
    Unavailable(ByteString),
    /// What a [`Pull`](super::Pull) may meet too.
    #[error(transparent)]
    Pull(#[from] PullError),
}

impl OrderedError {
    /// Whether the consumer is at its end.
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Gap { .. } | Self::StreamReset | Self::Unavailable(_) => false,
            Self::Refused(_) => true,
            Self::Pull(error) => error.is_fatal(),
        }
    }
}

/// A trouble of a [`Push`](super::Push). What [`is_fatal`](Self::is_fatal) ends it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// The consumer was deleted.
    #[error("the consumer was deleted")]
    ConsumerDeleted,
    /// The server was silent for twice as long as it should be: the consumer may be gone, or
    /// have no leader.
    #[error("no heartbeat came in time")]
    MissingHeartbeat,
    /// So many deliveries did not arrive: they were on their way when the connection broke, or
    /// there was no room for them. What must be acknowledged is delivered again.
    #[error("{deliveries} deliveries did not arrive")]
    Missed {
        /// How many.
        deliveries: u64,
    },
    /// The server said something that this version does not know.
    #[error("the server says {code} {description}")]
    Status {
        /// The code.
        code: u16,
        /// The words after it.
        description: ByteString,
    },
}

impl PushError {
    /// Whether nothing more can come.
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::ConsumerDeleted)
    }
}
