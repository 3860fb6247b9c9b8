//! A roster as a document.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Who is on a channel, as one reader knows it, or a part of that: members in the order of their keys.
/// Spans are milliseconds before the moment that it was made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The channel, as `kind:value`.
    pub channel: String,
    /// How long a tab counts as present that is not heard, in milliseconds.
    pub ttl_ms: u64,
    /// Whether the reader has listened for at least a ttl, and found room for everybody: who is not in
    /// it then is not there.
    pub complete: bool,
    /// The members.
    pub members: Vec<SnapshotMember>,
    /// Where the next part begins, if there is one: after this user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A user in a [`Snapshot`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SnapshotMember {
    /// The public key.
    pub nkey: String,
    /// For how long the user has been there, as far as the reader knows.
    pub since_ms: u64,
    /// What the application shows of the user: what the tab says that changed last.
    #[serde(default)]
    pub data: Value,
    /// The tabs, at least one.
    pub tabs: Vec<SnapshotTab>,
}

/// A tab in a [`Snapshot`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SnapshotTab {
    /// The tab's name.
    pub id: String,
    /// The server of its connection.
    pub server: String,
    /// The number of its connection there.
    pub client: u64,
    /// How long ago it was heard.
    pub heard_ms: u64,
    /// How long ago its data changed.
    pub changed_ms: u64,
    /// What it says.
    #[serde(default)]
    pub data: Value,
}

/// A text is no snapshot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the snapshot is malformed: {0}")]
pub struct SnapshotError(pub String);

impl Snapshot {
    /// Reads one. Fields that are not known are passed over; what it holds is checked by the
    /// [`Roster`](super::Roster) that takes it in.
    ///
    /// Never panics.
    ///
    /// # Errors
    /// [`SnapshotError`] if it is not JSON, or has not the fields.
    pub fn read(json: &[u8]) -> Result<Self, SnapshotError> {
        serde_json::from_slice(json).map_err(|error| SnapshotError(format!("{error}")))
    }

    /// Adds the next part to this one. The whole is complete if each part is.
    pub fn append(&mut self, next: Self) {
        self.complete &= next.complete;
        self.members.extend(next.members);
        self.next = next.next;
    }
}
