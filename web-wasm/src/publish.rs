//! Publishing.

use core::future::poll_fn;
use core::task::Poll;

use bytes::Bytes;
use nats_proto::connection::PublishError;
use nats_proto::{HeaderMap, Subject};

use crate::client::Client;

impl Client {
    /// Publishes a message. It is sent at once if the server is there, else as soon as it is.
    ///
    /// ```no_run
    /// # async fn example(client: web_wasm::Client) -> Result<(), Box<dyn core::error::Error>> {
    /// client.publish("rooms.7.chat", "hello".into()).await?;
    /// client.flush().await?; // now the server has it
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// While the outbound buffer is full this waits for room, however long the server stays
    /// away; [`try_publish`](Self::try_publish) does not wait.
    ///
    /// # Errors
    /// [`PublishError`], all but `BufferFull`.
    ///
    /// # Cancel safety
    /// If the future is dropped before it is ready, the message is not sent.
    pub async fn publish(
        &self,
        subject: impl Into<Subject>,
        payload: Bytes,
    ) -> Result<(), PublishError> {
        self.publish_message(subject.into(), None, None, payload).await
    }

    /// Publishes a message with headers; else as [`publish`](Self::publish).
    ///
    /// # Errors
    /// [`PublishError`], all but `BufferFull`.
    ///
    /// # Cancel safety
    /// If the future is dropped before it is ready, the message is not sent.
    pub async fn publish_with_headers(
        &self,
        subject: impl Into<Subject>,
        headers: HeaderMap,
        payload: Bytes,
    ) -> Result<(), PublishError> {
        self.publish_message(subject.into(), None, Some(headers), payload).await
    }

    /// Publishes a message that says where an answer should go; else as
    /// [`publish`](Self::publish).
    ///
    /// # Errors
    /// [`PublishError`], all but `BufferFull`.
    ///
    /// # Cancel safety
    /// If the future is dropped before it is ready, the message is not sent.
    pub async fn publish_with_reply(
        &self,
        subject: impl Into<Subject>,
        reply: impl Into<Subject>,
        payload: Bytes,
    ) -> Result<(), PublishError> {
        self.publish_message(subject.into(), Some(reply.into()), None, payload).await
    }

    /// Publishes a message with headers that says where an answer should go; else as
    /// [`publish`](Self::publish).
    ///
    /// # Errors
    /// [`PublishError`], all but `BufferFull`.
    ///
    /// # Cancel safety
    /// If the future is dropped before it is ready, the message is not sent.
    pub async fn publish_with_reply_and_headers(
        &self,
        subject: impl Into<Subject>,
        reply: impl Into<Subject>,
        headers: HeaderMap,
        payload: Bytes,
    ) -> Result<(), PublishError> {
        self.publish_message(subject.into(), Some(reply.into()), Some(headers), payload).await
    }

    /// Publishes a message, or says at once that there is no room for it.
    ///
    /// # Errors
    /// [`PublishError`]; `BufferFull` when the outbound buffer is full.
    pub fn try_publish(
        &self,
        subject: &str,
        reply: Option<&str>,
        headers: Option<&HeaderMap>,
        payload: &[u8],
    ) -> Result<(), PublishError> {
        let shared = self.shared();
        shared.inner.borrow_mut().connection.publish(subject, reply, headers, payload)?;
        shared.wake_driver();
        Ok(())
    }

    async fn publish_message(
        &self,
        subject: Subject,
        reply: Option<Subject>,
        headers: Option<HeaderMap>,
        payload: Bytes,
    ) -> Result<(), PublishError> {
        poll_fn(|cx| {
            match self.try_publish(&subject, reply.as_deref(), headers.as_ref(), &payload) {
                Err(PublishError::BufferFull { .. }) => {
                    self.shared().inner.borrow_mut().publishers.push(cx.waker().clone());
                    Poll::Pending
                }
                result => Poll::Ready(result),
            }
        })
        .await
    }
}
