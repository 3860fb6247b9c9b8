//! Publishing with an answer.

use std::time::Duration;

use async_nats::{
    Request,
    client::{PublishErrorKind, RequestErrorKind},
};
use bytes::Bytes;
use tokio::time::{Instant, timeout_at};

use super::Connection;
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
    /// The message itself is at fault. Nothing was sent.
    #[error("the message cannot be published")]
    Refused(#[source] async_nats::PublishError),
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

    /// Publishes `payload`. When this returns `Ok`, the server has it.
    ///
    /// # Errors
    /// * [`PublishError::NotConnected`], [`PublishError::Busy`], [`PublishError::Refused`]: the
    ///   message was not sent and never will be.
    /// * [`PublishError::Unconfirmed`]: nobody can tell.
    ///
    /// # Cancel safety
    /// Not cancel safe: a cancelled call may or may not have sent the message.
    pub async fn publish(&self, subject: &'static str, payload: Bytes) -> Result<(), PublishError> {
        let result = self.publish_uncounted(subject, payload).await;
        self.metrics.published(match &result {
            Ok(()) => Published::Confirmed,
            Err(PublishError::NotConnected | PublishError::Busy) => Published::Unavailable,
            Err(PublishError::Refused(_)) => Published::Refused,
            Err(PublishError::Unconfirmed(_)) => Published::Unconfirmed,
        });
        result
    }

    async fn publish_uncounted(
        &self,
        subject: &'static str,
        payload: Bytes,
    ) -> Result<(), PublishError> {
        let client = self.connection.client().ok_or(PublishError::NotConnected)?;
        let deadline = Instant::now() + self.deadline;

        timeout_at(deadline, client.publish(subject, payload))
            .await
            .map_err(|_| PublishError::Busy)?
            .map_err(|error| match error.kind() {
                // The client has just died; the message did not get into it.
                PublishErrorKind::Send => PublishError::NotConnected,
                _ => PublishError::Refused(error),
            })?;

        let confirm = Request::new().timeout(None);
        match timeout_at(deadline, client.send_request(CONFIRM_SUBJECT, confirm)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) if error.kind() == RequestErrorKind::NoResponders => Ok(()),
            Ok(Err(error)) => Err(PublishError::Unconfirmed(Unconfirmed::Lost(error))),
            Err(_) => Err(PublishError::Unconfirmed(Unconfirmed::Deadline(self.deadline))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn without_a_connection_nothing_is_sent() {
        let publisher = Publisher::new(Connection::never(), Duration::from_secs(1), Metrics::new());
        assert!(!publisher.is_connected());
        let error = publisher.publish("com.scaling-ws.updates", Bytes::new()).await.unwrap_err();
        assert!(matches!(error, PublishError::NotConnected));
    }
}
