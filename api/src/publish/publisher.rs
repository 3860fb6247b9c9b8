//! Publishing with an answer.

use std::{error::Error, sync::Arc, time::Duration};

use async_nats::{Request, RequestError, client::RequestErrorKind};
use tokio::time::timeout;

use super::{
    Connection, Message, Stored,
    outbox::Outbox,
    stored::{self, NotOfAStream, StreamError},
};
use crate::telemetry::{Metrics, metrics::Published};

/// Why a publish is not known to have reached the server.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// There is no connection. Nothing was sent, and nothing will be.
    #[error("there is no connection to NATS")]
    NotConnected,
    /// The connection did not take the message in time. Nothing was sent, and nothing will be.
    #[error("the connection to NATS is backed up")]
    Busy,
    /// The user that this service is on NATS may not publish there. Nothing was sent.
    #[error("this service may not publish on that subject")]
    NotPermitted,
    /// No stream keeps that subject, and nobody listens there. Nobody got the message.
    #[error("no stream keeps that subject")]
    NoStream,
    /// A stream got the message and did not store it.
    #[error("the stream did not take the message")]
    NotStored(#[source] StreamError),
    /// The message itself is at fault. Nothing was sent.
    #[error("the message cannot be published")]
    Refused(#[source] Box<dyn Error + Send + Sync>),
    /// The message was handed to the connection, and then the connection was lost or the server
    /// silent until the deadline. The server may have it or get it still: bytes that the operating
    /// system has taken cannot be taken back. What had not left the process is dropped.
    #[error("NATS did not confirm the message")]
    Unconfirmed(#[source] Unconfirmed),
}

/// How the confirmation failed to come.
#[derive(Debug, thiserror::Error)]
pub enum Unconfirmed {
    /// Nothing came until the deadline.
    #[error("no answer within {0:?}")]
    Deadline(Duration),
    /// The connection was lost on the way.
    #[error("the connection was lost")]
    Lost(#[source] Arc<RequestError>),
    /// The process stops, and nobody waits for the answer any more.
    #[error("nobody waits for the answer any more")]
    Abandoned,
    /// Somebody else answered than a stream.
    #[error("somebody else answered")]
    Answer(#[from] NotOfAStream),
}

/// Publishes and waits until the server has it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Publisher(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    connection: Connection,
    outbox: Outbox,
    deadline: Duration,
    metrics: Metrics,
}

impl Publisher {
    /// A publisher that waits at most `deadline` for each message.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn new(connection: Connection, deadline: Duration, metrics: Metrics) -> Self {
        let outbox = Outbox::spawn(connection.clone(), deadline);
        Self(Arc::new(Inner { connection, outbox, deadline, metrics }))
    }

    /// True if a publish has a chance.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.0.connection.is_up()
    }

    /// Publishes a message. When this returns `Ok`, the server has it.
    ///
    /// # Errors
    /// * [`PublishError::NotConnected`], [`PublishError::Busy`], [`PublishError::NotPermitted`],
    ///   [`PublishError::Refused`]: the message was not sent and never will be.
    /// * [`PublishError::Unconfirmed`]: nobody can tell.
    ///
    /// # Cancel safety
    /// Not cancel safe: a cancelled call may or may not send the message. Nobody else is affected.
    pub async fn publish(&self, message: Message) -> Result<(), PublishError> {
        self.counted(self.confirm(message).await)
    }

    /// Publishes a message and waits until a stream has stored it.
    ///
    /// # Errors
    /// * [`PublishError::NotConnected`], [`PublishError::NotPermitted`], [`PublishError::Refused`]:
    ///   the message was not sent and never will be.
    /// * [`PublishError::NoStream`]: nobody got it.
    /// * [`PublishError::NotStored`]: a stream refused it.
    /// * [`PublishError::Unconfirmed`]: nobody can tell; also where there are only subscribers, who
    ///   got it and do not answer as a stream does.
    ///
    /// # Cancel safety
    /// Not cancel safe: a cancelled call may or may not have stored the message.
    pub async fn store(&self, message: Message) -> Result<Stored, PublishError> {
        self.counted(self.store_uncounted(message).await)
    }

    fn counted<T>(&self, result: Result<T, PublishError>) -> Result<T, PublishError> {
        self.0.metrics.published(match &result {
            Ok(_) => Published::Confirmed,
            Err(PublishError::NotConnected | PublishError::Busy) => Published::Unavailable,
            Err(
                PublishError::NotPermitted
                | PublishError::NoStream
                | PublishError::NotStored(_)
                | PublishError::Refused(_),
            ) => Published::Refused,
            Err(PublishError::Unconfirmed(_)) => Published::Unconfirmed,
        });
        result
    }

    /// nats-server tells of a forbidden subject only by the way, when the confirmation has long come;
    /// so it is found out before.
    fn check(&self, message: &Message) -> Result<(), PublishError> {
        if self.0.connection.may_publish(message.subject()) {
            Ok(())
        } else {
            Err(PublishError::NotPermitted)
        }
    }

    async fn confirm(&self, message: Message) -> Result<(), PublishError> {
        self.check(&message)?;
        self.0.outbox.send(message).await
    }

    async fn store_uncounted(&self, message: Message) -> Result<Stored, PublishError> {
        self.check(&message)?;
        let client = self.0.connection.client().ok_or(PublishError::NotConnected)?;
        let (subject, headers, payload) = message.into_parts();
        let mut request = Request::new().payload(payload).timeout(None);
        request.headers = headers;
        match timeout(self.0.deadline, client.send_request(subject, request)).await {
            Ok(Ok(answer)) => stored::read(&answer.payload)
                .map_err(|error| PublishError::Unconfirmed(error.into()))?
                .map_err(PublishError::NotStored),
            Ok(Err(error)) => Err(match error.kind() {
                RequestErrorKind::NoResponders => PublishError::NoStream,
                RequestErrorKind::InvalidSubject | RequestErrorKind::MaxPayloadExceeded => {
                    PublishError::Refused(error.into())
                }
                _ => PublishError::Unconfirmed(Unconfirmed::Lost(Arc::new(error))),
            }),
            Err(_) => Err(overdue(self.0.deadline)),
        }
    }
}

/// Nothing came for so long.
pub(super) fn overdue(deadline: Duration) -> PublishError {
    PublishError::Unconfirmed(Unconfirmed::Deadline(deadline))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[tokio::test]
    async fn without_a_connection_nothing_is_sent() {
        let publisher = Publisher::new(Connection::never(), Duration::from_secs(1), Metrics::new());
        assert!(!publisher.is_connected());
        let message = Message::own("com.scaling-ws.updates", Bytes::new());
        let error = publisher.publish(message.clone()).await.unwrap_err();
        assert!(matches!(error, PublishError::NotConnected));
        let error = publisher.store(message).await.unwrap_err();
        assert!(matches!(error, PublishError::NotConnected));
    }
}
