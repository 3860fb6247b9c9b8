//! The services that were found.

use core::marker::PhantomData;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_util::StreamExt;
use nats_proto::connection::RequestError;
use nats_proto::service::error::Error;
use nats_proto::service::{Document, DocumentError, SelectorError};

use crate::responses::Responses;

/// Why services could not be asked, or one of them not be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoveryError {
    /// The caller's prefix, name or id is malformed.
    #[error(transparent)]
    Selector(#[from] SelectorError),
    /// The request was not sent, or the credential does not allow it, or the client was closed.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// A service answered that something went wrong. Others may follow.
    #[error(transparent)]
    Service(#[from] Error),
    /// A service answered something else than it was asked. Others may follow.
    #[error("an answer is not what was asked for: {0}")]
    Document(#[from] DocumentError),
}

/// What services say of themselves, as a stream: each answer as it comes.
///
/// It ends when no more are expected; at once if nobody is there. Dropping it ends the question.
///
/// # Cancel safety
/// Reading the stream is cancel safe: an answer is either returned or stays.
#[derive(Debug)]
pub struct Discovery<T> {
    responses: Responses,
    document: PhantomData<fn() -> T>,
}

impl<T> Discovery<T> {
    pub(super) fn new(responses: Responses) -> Self {
        Self { responses, document: PhantomData }
    }

    /// How many answers were dropped because nobody read the stream in time.
    pub fn dropped(&self) -> u64 {
        self.responses.dropped()
    }
}

impl<T: Document> Stream for Discovery<T> {
    type Item = Result<T, DiscoveryError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let answer = match ready!(self.responses.poll_next_unpin(cx)) {
            Some(Ok(message)) => match message.headers.as_ref().and_then(Error::read) {
                Some(error) => Err(error.into()),
                None => T::read(&message.payload).map_err(Into::into),
            },
            None | Some(Err(RequestError::NoResponders)) => return Poll::Ready(None),
            Some(Err(error)) => Err(error.into()),
        };
        Poll::Ready(Some(answer))
    }
}
