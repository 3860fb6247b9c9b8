//! Entries that wait for their acknowledgement.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use futures_channel::oneshot;
use futures_util::FutureExt;
use nats_proto::jetstream::PublishAck;

use super::error::AckError;

/// A message that is stored in the outbox. Awaited, it is its [acknowledgement](Acknowledged).
#[derive(Debug)]
pub struct Queued {
    pub(super) number: u64,
    pub(super) id: String,
    pub(super) acknowledged: Acknowledged,
}

impl Queued {
    /// The entry's number, for [`Outbox::remove`](super::Outbox::remove) and the like.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The message's id, `Nats-Msg-Id`.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl IntoFuture for Queued {
    type Output = Result<PublishAck, AckError>;
    type IntoFuture = Acknowledged;

    fn into_future(self) -> Acknowledged {
        self.acknowledged
    }
}

/// The acknowledgement of an entry, whichever tab gets it.
///
/// # Errors
/// [`AckError`].
///
/// # Cancel safety
/// Dropping it changes nothing for the entry.
#[derive(Debug)]
pub struct Acknowledged {
    pub(super) answer: oneshot::Receiver<Result<PublishAck, AckError>>,
}

impl Future for Acknowledged {
    type Output = Result<PublishAck, AckError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.answer.poll_unpin(cx).map(|answer| answer.unwrap_or(Err(AckError::Closed)))
    }
}
