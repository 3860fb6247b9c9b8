//! What consumers deliver that somebody else has made.

use nats_proto::jetstream::consume::{Push, PushOptions};
use nats_proto::jetstream::{Name, NameError};
use serde::Deserialize;

use super::Messages;
use crate::client::Client;
use crate::jetstream::consumer::InboxError;
use crate::jetstream::consumer::inbox::Inbox;

/// What a consumer delivers that somebody else has made for this client, such as an API for the key that
/// it minted a credential for: a part of a stream, to one subject.
///
/// The client needs no right to ask JetStream anything, and makes, changes and deletes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Delivery {
    /// The stream; that of a bucket begins with `KV_`.
    pub stream: String,
    /// Where it delivers. nats-server begins once somebody subscribes to just this.
    pub deliver_subject: String,
    /// The patterns of the subjects that it delivers.
    #[serde(default)]
    pub filter: Vec<String>,
}

/// Why a [`Delivery`] can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeliveryError {
    /// The stream has a name that no stream has.
    #[error("the stream's name: {0}")]
    Stream(#[from] NameError),
    /// The client can't subscribe.
    #[error(transparent)]
    Inbox(#[from] InboxError),
}

impl Delivery {
    /// The delivery of a stream's messages to a subject.
    pub fn new(stream: impl Into<String>, deliver_subject: impl Into<String>) -> Self {
        let (stream, deliver_subject) = (stream.into(), deliver_subject.into());
        Self { stream, deliver_subject, filter: Vec::new() }
    }
}

impl Client {
    /// Reads what a consumer delivers that somebody else has made.
    ///
    /// ```no_run
    /// # #[cfg(target_arch = "wasm32")]
    /// # async fn example(client: web_wasm::Client, grant: web_wasm::Grant)
    /// # -> Result<(), Box<dyn core::error::Error>> {
    /// use futures_util::StreamExt;
    ///
    /// let chat = grant.consumer("ROOMS").ok_or("the role has none of ROOMS")?;
    /// let mut messages = client.subscribe_delivery(chat).await?;
    /// while let Some(message) = messages.next().await {
    ///     match message {
    ///         Ok(message) => println!("{}: {:?}", message.info()?.stream_sequence, message.payload),
    ///         Err(error) => println!("{error}"), // such as: so many deliveries did not arrive
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// It goes on over broken connections and renewed credentials. What was on its way when a connection
    /// broke is lost and told, as [`PushError::Missed`](super::PushError::Missed), by the consumer's own
    /// count; where a consumer takes no acknowledgements, as an API's don't, sending one is refused.
    ///
    /// A consumer that nobody listened to for a time is deleted, and this client can't tell: after an
    /// interruption have whoever made it do so again. Where that is the API, `HttpCredentials::outdate` and
    /// then [`renew_credentials`](Self::renew_credentials) do that. It then begins anew,
    /// with messages that were read before: compare
    /// [`stream_sequence`](crate::jetstream::MessageInfo::stream_sequence).
    ///
    /// # Errors
    /// [`DeliveryError`]; whether the server allows it shows in the stream.
    ///
    /// # Cancel safety
    /// It does not wait.
    #[expect(clippy::unused_async, reason = "as subscribe")]
    pub async fn subscribe_delivery(&self, delivery: &Delivery) -> Result<Messages, DeliveryError> {
        let stream = Name::new(&*delivery.stream)?;
        let limits = self.shared().options.pending_limits;
        let mut inbox = Inbox::with_limits(crate::jetstream::new(self.clone()), stream, limits);
        inbox.subscribe_to(delivery.deliver_subject.as_str().into(), None)?;
        Ok(Messages { machine: Push::new(PushOptions::default()), inbox, ended: false })
    }
}
