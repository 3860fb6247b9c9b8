//! The header by which a message of a bucket says that it is no value.

/// What happened to the key; a value has no such header.
pub const OPERATION: &str = "KV-Operation";
/// The key was deleted, and its history stays.
pub const DELETE: &str = "DEL";
/// The key was deleted with its history.
pub const PURGE: &str = "PURGE";
/// What [`ROLLUP`](crate::jetstream::headers::ROLLUP) says to delete what came before of a subject.
pub const ROLLUP_SUBJECT: &str = "sub";
