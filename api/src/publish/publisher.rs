//! Publishing with an answer.

use std::{error::Error, time::Duration};

use async_nats::{
    Client, Request,
    client::{PublishErrorKind, RequestErrorKind},
};
use tokio::time::{Instant, timeout_at};

use super::{
    Connection, Message, Stored,
    stored::{self, NotOfAStream, StreamError},
};
use crate::telemetry::{Metrics, metrics::Published};

/// A subject that nobody answers on. The server says so at once ("no responders"), and since it
/// works through a connection in order, that answer proves that it has all that was sent before.
const CONFIRM_SUBJECT: &str = "com.scaling-ws.api.confirm";

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
    Lost(#[source] async_nats::RequestError),
    /// Somebody else answered than a stream.
    #[error("somebody else answered")]
    Answer(#[from] NotOfAStream),
}

/// Publishes and waits until the server has it.
#[derive(Debug, Clone)]
pub struct Publisher {
    connection: Connection,
    deadline: Duration,
    metrics: Metrics,
}

impl Publisher {
    /// A publisher that waits at most `deadline` for each message.
    #[must_use]
    pub fn new(connection: Connection, deadline: Duration, metrics: Metrics) -> Self {
        Self { connection, deadline, metrics }
    }

    /// True if a publish has a chance.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.connection.client().is_some()
    }

    /// Publishes a message. When this returns `Ok`, the server has it.
    ///
    /// # Errors
    /// * [`PublishError::NotConnected`], [`PublishError::Busy`], [`PublishError::NotPermitted`],
    ///   [`PublishError::Refused`]: the message was not sent and never will be.
    /// * [`PublishError::Unconfirmed`]: nobody can tell.
    ///
    /// # Cancel safety
    /// Not cancel safe: a cancelled call may or may not have sent the message.
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
        self.metrics.published(match &result {
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

    /// The client to send this message with. nats-server tells of a forbidden subject only by the
    /// way, when the confirmation has long come; so it is found out before.
    fn client_for(&self, message: &Message) -> Result<Client, PublishError> {
        if !self.connection.may_publish(message.subject()) {
            return Err(PublishError::NotPermitted);
        }
        self.connection.client().ok_or(PublishError::NotConnected)
    }

    async fn confirm(&self, message: Message) -> Result<(), PublishError> {
        let client = self.client_for(&message)?;
        let deadline = Instant::now() + self.deadline;

        let (subject, headers, payload) = message.into_parts();
        let publish = async {
            match headers {
                Some(headers) => client.publish_with_headers(subject, headers, payload).await,
                None => client.publish(subject, payload).await,
            }
        };
        timeout_at(deadline, publish).await.map_err(|_| PublishError::Busy)?.map_err(|error| {
            match error.kind() {
                // The client has just died; the message did not get into it.
                PublishErrorKind::Send => PublishError::NotConnected,
                _ => PublishError::Refused(error.into()),
            }
        })?;

        let confirm = Request::new().timeout(None);
        match timeout_at(deadline, client.send_request(CONFIRM_SUBJECT, confirm)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) if error.kind() == RequestErrorKind::NoResponders => Ok(()),
            Ok(Err(error)) => Err(PublishError::Unconfirmed(Unconfirmed::Lost(error))),
            Err(_) => Err(self.overdue()),
        }
    }

    async fn store_uncounted(&self, message: Message) -> Result<Stored, PublishError> {
        let client = self.client_for(&message)?;
        let (subject, headers, payload) = message.into_parts();
        let mut request = Request::new().payload(payload).timeout(None);
        request.headers = headers;
        match timeout_at(Instant::now() + self.deadline, client.send_request(subject, request))
            .await
        {
            Ok(Ok(answer)) => stored::read(&answer.payload)
                .map_err(|error| PublishError::Unconfirmed(error.into()))?
                .map_err(PublishError::NotStored),
            Ok(Err(error)) => Err(match error.kind() {
                RequestErrorKind::NoResponders => PublishError::NoStream,
                RequestErrorKind::InvalidSubject | RequestErrorKind::MaxPayloadExceeded => {
                    PublishError::Refused(error.into())
                }
                _ => PublishError::Unconfirmed(Unconfirmed::Lost(error)),
            }),
            Err(_) => Err(self.overdue()),
        }
    }

    fn overdue(&self) -> PublishError {
        PublishError::Unconfirmed(Unconfirmed::Deadline(self.deadline))
    }
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
