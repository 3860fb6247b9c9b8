//! A message that a consumer delivered.

use core::ops::{Deref, DerefMut};

use bytes::Bytes;
use nats_proto::Message as Plain;
use nats_proto::Subject;
use nats_proto::jetstream::{AckKind, MessageInfo, MessageInfoError};

use super::context::Context;
use crate::client::Client;

/// A message that a consumer delivered, which is a [`Message`](crate::Message) that can be
/// acknowledged.
///
/// ```no_run
/// # async fn example(message: web_wasm::jetstream::Message) -> Result<(), Box<dyn core::error::Error>> {
/// use web_wasm::jetstream::AckKind;
///
/// println!("{} of {}", message.info()?.stream_sequence, message.subject);
/// if message.payload.is_empty() {
///     message.ack_with(AckKind::Term).await?;
/// } else {
///     message.ack().await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Message {
    /// What arrived.
    pub message: Plain,
    /// The JetStream that it comes from.
    pub context: Context,
}

/// What acknowledges a message that is held elsewhere, or no longer.
#[derive(Clone, Debug)]
pub struct Acker {
    reply: Option<Subject>,
    client: Client,
}

/// Why a message was not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AckError {
    /// The message has no reply subject, so nobody waits for it.
    #[error("the message has no reply subject")]
    NoReply,
    /// The acknowledgement was not sent.
    #[error("the acknowledgement was not sent: {0}")]
    Publish(#[from] crate::PublishError),
    /// The server did not confirm it. It may have it all the same.
    #[error("the acknowledgement was not confirmed: {0}")]
    Request(#[from] crate::RequestError),
}

impl Message {
    /// Says that the message was dealt with.
    ///
    /// It is not confirmed: if the connection breaks before it has arrived, the message is delivered
    /// again. [`double_ack`](Self::double_ack) is confirmed.
    ///
    /// # Errors
    /// [`AckError`].
    ///
    /// # Cancel safety
    /// If the future is dropped before it is ready, nothing is sent.
    pub async fn ack(&self) -> Result<(), AckError> {
        self.ack_with(AckKind::Ack).await
    }

    /// Says what became of the message; else as [`ack`](Self::ack).
    ///
    /// # Errors
    /// [`AckError`].
    ///
    /// # Cancel safety
    /// If the future is dropped before it is ready, nothing is sent.
    pub async fn ack_with(&self, kind: AckKind) -> Result<(), AckError> {
        ack_with(&self.context.client, self.message.reply.as_ref(), kind).await
    }

    /// Says that the message was dealt with, and waits until the server has confirmed that it knows.
    ///
    /// # Errors
    /// [`AckError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the server may know or not.
    pub async fn double_ack(&self) -> Result<(), AckError> {
        self.double_ack_with(AckKind::Ack).await
    }

    /// Says what became of the message; else as [`double_ack`](Self::double_ack).
    ///
    /// # Errors
    /// [`AckError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the server may know or not.
    pub async fn double_ack_with(&self, kind: AckKind) -> Result<(), AckError> {
        double_ack_with(&self.context.client, self.message.reply.as_ref(), kind).await
    }

    /// The place of the message in its stream and consumer.
    ///
    /// # Errors
    /// [`MessageInfoError`], if no consumer delivered it.
    pub fn info(&self) -> Result<MessageInfo<'_>, MessageInfoError> {
        let reply = self.message.reply.as_ref().ok_or(MessageInfoError::NotJetStream)?;
        MessageInfo::parse(reply)
    }

    /// The message, and apart from it what acknowledges it.
    pub fn split(self) -> (Plain, Acker) {
        let acker = Acker { reply: self.message.reply.clone(), client: self.context.client };
        (self.message, acker)
    }
}

impl Acker {
    /// As [`Message::ack`].
    ///
    /// # Errors
    /// [`AckError`].
    ///
    /// # Cancel safety
    /// If the future is dropped before it is ready, nothing is sent.
    pub async fn ack(&self) -> Result<(), AckError> {
        self.ack_with(AckKind::Ack).await
    }

    /// As [`Message::ack_with`].
    ///
    /// # Errors
    /// [`AckError`].
    ///
    /// # Cancel safety
    /// If the future is dropped before it is ready, nothing is sent.
    pub async fn ack_with(&self, kind: AckKind) -> Result<(), AckError> {
        ack_with(&self.client, self.reply.as_ref(), kind).await
    }

    /// As [`Message::double_ack`].
    ///
    /// # Errors
    /// [`AckError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the server may know or not.
    pub async fn double_ack(&self) -> Result<(), AckError> {
        double_ack_with(&self.client, self.reply.as_ref(), AckKind::Ack).await
    }
}

async fn ack_with(client: &Client, reply: Option<&Subject>, kind: AckKind) -> Result<(), AckError> {
    let reply = reply.ok_or(AckError::NoReply)?;
    Ok(client.publish(reply.clone(), Bytes::from(kind)).await?)
}

async fn double_ack_with(
    client: &Client,
    reply: Option<&Subject>,
    kind: AckKind,
) -> Result<(), AckError> {
    let reply = reply.ok_or(AckError::NoReply)?;
    client.request(reply.clone(), Bytes::from(kind)).await?;
    Ok(())
}

impl Deref for Message {
    type Target = Plain;

    fn deref(&self) -> &Plain {
        &self.message
    }
}

impl DerefMut for Message {
    fn deref_mut(&mut self) -> &mut Plain {
        &mut self.message
    }
}

impl From<Message> for Plain {
    fn from(message: Message) -> Self {
        message.message
    }
}
