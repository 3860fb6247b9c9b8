//! What a stream's configuration chooses between.

use serde::{Deserialize, Serialize};

/// Which message makes room when a stream is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum DiscardPolicy {
    /// The oldest is deleted.
    #[default]
    Old,
    /// The new one is refused.
    New,
}

/// How long a stream keeps a message, within its limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum RetentionPolicy {
    /// As long as the limits say.
    #[default]
    Limits,
    /// Until every consumer that wants it has acknowledged it.
    Interest,
    /// Until the one consumer that wants it has acknowledged it.
    WorkQueue,
}

/// Where a stream keeps its messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum StorageType {
    /// In files.
    #[default]
    File,
    /// In memory; they are gone when the servers that keep them have stopped.
    Memory,
}

/// How a stream's files are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// By S2.
    S2,
}

/// When a message counts as stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum PersistenceMode {
    /// When it was written.
    #[default]
    Default,
    /// When it is about to be: faster, and lost if the server fails at once. From nats-server 2.12.
    Async,
}
