//! The headers by which publishers command streams, and streams describe what they stored.

/// The message's own id, by which a stream knows one that it has already.
pub const MESSAGE_ID: &str = "Nats-Msg-Id";
/// The stream that is to store the message.
pub const EXPECTED_STREAM: &str = "Nats-Expected-Stream";
/// The number that the stream's last message must have.
pub const EXPECTED_LAST_SEQUENCE: &str = "Nats-Expected-Last-Sequence";
/// The number that the subject's last message must have; 0 for a subject without messages.
pub const EXPECTED_LAST_SUBJECT_SEQUENCE: &str = "Nats-Expected-Last-Subject-Sequence";
/// The pattern of subjects that [`EXPECTED_LAST_SUBJECT_SEQUENCE`] looks at, instead of the
/// message's own.
pub const EXPECTED_LAST_SUBJECT_SEQUENCE_SUBJECT: &str =
    "Nats-Expected-Last-Subject-Sequence-Subject";
/// The id that the stream's last message must have.
pub const EXPECTED_LAST_MESSAGE_ID: &str = "Nats-Expected-Last-Msg-Id";
/// How long the stream keeps the message.
pub const MESSAGE_TTL: &str = "Nats-TTL";
/// Deletes what came before the message: `sub` of its subject, `all` of the stream.
pub const ROLLUP: &str = "Nats-Rollup";
/// Why the server put a marker in the place of a subject's last message.
pub const MARKER_REASON: &str = "Nats-Marker-Reason";
/// By how much a counter changes.
pub const INCREMENT: &str = "Nats-Incr";
/// The stream that a message comes from.
pub const STREAM: &str = "Nats-Stream";
/// The subject that a stored message was published to.
pub const SUBJECT: &str = "Nats-Subject";
/// The number that a stored message has.
pub const SEQUENCE: &str = "Nats-Sequence";
/// When a message was stored.
pub const TIME_STAMP: &str = "Nats-Time-Stamp";
/// The number of the message before, of the same subject or the same answer.
pub const LAST_SEQUENCE: &str = "Nats-Last-Sequence";
/// How many messages are still to come.
pub const NUM_PENDING: &str = "Nats-Num-Pending";
/// Up to which message an answer of many was made.
pub const UP_TO_SEQUENCE: &str = "Nats-UpTo-Sequence";
/// The length of a payload that was left out.
pub const MESSAGE_SIZE: &str = "Nats-Msg-Size";
