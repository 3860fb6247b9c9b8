//! Where a newcomer learns who is there.

use nats_proto::presence::{Channel, Snapshot};

use crate::platform::LocalBoxFuture;

/// Somebody who has listened for longer, and can be asked who is there.
pub trait Snapshots {
    /// Who is on a channel now; all of them, unless there are more than a channel has room for.
    ///
    /// # Errors
    /// [`SnapshotsError`]; it is asked again after a third of the ttl.
    fn snapshot<'a>(
        &'a self,
        channel: &'a Channel,
    ) -> LocalBoxFuture<'a, Result<Snapshot, SnapshotsError>>;
}

/// There is no snapshot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotsError {
    /// Whoever was to be asked was not reached, or did not answer in time.
    #[error("who is there can't be asked: {0}")]
    Unreachable(String),
    /// The API answered something else.
    #[error("the API answered {status} {code}: {detail}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The problem's code, if it had one.
        code: String,
        /// What it says of it.
        detail: String,
    },
    /// The answer is no snapshot.
    #[error("the answer is none: {0}")]
    Malformed(String),
    /// Too much happened while it was on its way.
    #[error("too much happened while it was on its way")]
    Overrun,
}
