//! A consumer's messages as they come.

use core::pin::Pin;
use core::task::{Context as TaskContext, Poll};
use core::time::Duration;

use nats_proto::jetstream::consume::{Action, Pull, PullError, PullOptions};

use super::Config;
use crate::jetstream::Message;
use crate::jetstream::consumer::inbox::{Inbox, machine};
use crate::jetstream::consumer::reader::{Puller, Reader};
use crate::jetstream::consumer::{Consumer, InboxError};

/// A trouble of a [`Stream`]. After one that [`is_fatal`](Self::is_fatal) the stream ends; after
/// others it goes on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessagesError {
    /// The consumer, or what is asked of it.
    #[error(transparent)]
    Pull(#[from] PullError),
    /// The client.
    #[error(transparent)]
    Inbox(#[from] InboxError),
}

impl MessagesError {
    /// Whether it ends the stream.
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Pull(error) => error.is_fatal(),
            Self::Inbox(_) => true,
        }
    }
}

impl Consumer<Config> {
    /// The consumer's messages as they come, asked for as they are read.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     consumer: web_wasm::jetstream::consumer::Consumer<web_wasm::jetstream::consumer::pull::Config>,
    /// # ) -> Result<(), Box<dyn core::error::Error>> {
    /// use futures_util::StreamExt;
    ///
    /// let mut messages = consumer.messages().await?;
    /// while let Some(message) = messages.next().await {
    ///     match message {
    ///         Ok(message) => message.ack().await?,
    ///         Err(error) => eprintln!("{error}"),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`InboxError`].
    ///
    /// # Cancel safety
    /// It does not wait.
    pub async fn messages(&self) -> Result<Stream, InboxError> {
        self.stream().messages().await
    }

    /// The consumer's messages as they come, with options.
    pub fn stream(&self) -> StreamBuilder<'_> {
        StreamBuilder { consumer: self, options: PullOptions::default() }
    }
}

/// How a [`Stream`] asks for messages.
///
/// What is asked for at a time is also what may wait to be read, and so bounds the memory it takes.
#[derive(Clone, Debug)]
pub struct StreamBuilder<'a> {
    consumer: &'a Consumer<Config>,
    options: PullOptions,
}

impl StreamBuilder<'_> {
    /// How many messages may wait to be read, those that are asked for included. Default: 200.
    #[must_use]
    pub fn max_messages_per_batch(mut self, messages: usize) -> Self {
        self.options.max_messages = messages;
        self
    }

    /// How many bytes may wait to be read, as the server counts them: subject, reply subject,
    /// headers and payload. The number of messages is then not limited, unless
    /// [`max_messages_per_batch`](Self::max_messages_per_batch) is called after this. A message that
    /// is larger can't be read.
    #[must_use]
    pub fn max_bytes_per_batch(mut self, bytes: usize) -> Self {
        self.options.max_bytes = bytes;
        self.options.max_messages = 0;
        self
    }

    /// When so few messages wait or are asked for, more are asked for. Default: half as many as may
    /// wait.
    #[must_use]
    pub fn threshold_messages(mut self, messages: usize) -> Self {
        self.options.threshold_messages = Some(messages);
        self
    }

    /// When so few bytes wait or are asked for, more are asked for. Default: half as many as may
    /// wait.
    #[must_use]
    pub fn threshold_bytes(mut self, bytes: usize) -> Self {
        self.options.threshold_bytes = Some(bytes);
        self
    }

    /// How long the server may be silent before it sends a heartbeat; after twice as long it is
    /// asked again. Default: half of `expires`, which is the most, and at most 30 seconds.
    #[must_use]
    pub fn heartbeat(mut self, heartbeat: Duration) -> Self {
        self.options.idle_heartbeat = heartbeat;
        self
    }

    /// How long one request may wait for messages; a second at least. Default: 30 seconds.
    #[must_use]
    pub fn expires(mut self, expires: Duration) -> Self {
        self.options.expires = expires;
        self
    }

    /// The messages.
    ///
    /// # Errors
    /// [`InboxError`].
    ///
    /// # Cancel safety
    /// It does not wait.
    #[expect(clippy::unused_async, reason = "async-nats has it so")]
    pub async fn messages(self) -> Result<Stream, InboxError> {
        let Consumer { context, stream, info, .. } = self.consumer;
        let pull = Pull::new(limited(self.options, &info.config));
        let options = pull.options();
        let room = if options.max_messages == 0 { usize::MAX } else { options.max_messages };
        let inbox = Inbox::new(context.clone(), stream.clone(), room);
        Ok(Stream { reader: Reader::new(info.name.clone(), pull, inbox) })
    }
}

group_options!(StreamBuilder);

/// The options, within what the consumer admits.
pub(super) fn limited(
    mut options: PullOptions,
    config: &nats_proto::jetstream::consumer::Config,
) -> PullOptions {
    let limit = |limit: i64| usize::try_from(limit).ok().filter(|limit| *limit > 0);
    if let Some(max_batch) = limit(config.max_batch) {
        let wanted = options.max_messages;
        options.max_messages = if wanted == 0 { max_batch } else { wanted.min(max_batch) };
    }
    if let Some(max_bytes) = limit(config.max_bytes) {
        options.max_bytes = options.max_bytes.min(max_bytes);
    }
    if !config.max_expires.is_zero() {
        options.expires = options.expires.min(config.max_expires);
    }
    options
}

/// The messages of a consumer as they come.
///
/// It asks for messages as they are read, again at once when the connection was broken, and goes on
/// until it is dropped, which gives up what was asked for. What had arrived and was not read is
/// delivered again, by the consumer, when its time for acknowledging is over;
/// [`drain`](Self::drain) ends it without that.
///
/// Troubles are items of the stream, and most do not end it: see [`MessagesError::is_fatal`].
/// Broken connections are no trouble.
///
/// # Cancel safety
/// Reading the stream is cancel safe: a message is either returned or stays.
#[derive(Debug)]
pub struct Stream {
    reader: Reader<Pull>,
}

impl Stream {
    /// Asks for nothing more. What is on its way can still be read; then the stream ends.
    pub fn drain(&mut self) {
        self.reader.machine.drain();
        self.reader.inbox.drain();
    }

    /// The id by which the consumer knows this client as the one that its group is pinned to, if it
    /// was when it last sent a message.
    pub fn pin_id(&self) -> Option<&str> {
        self.reader.machine.pin_id()
    }
}

machine!(Pull);

impl Puller for Pull {
    type Error = PullError;

    fn poll_action(&mut self) -> Option<Action<PullError>> {
        self.poll_action()
    }
}

impl futures_core::Stream for Stream {
    type Item = Result<Message, MessagesError>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Message, MessagesError>>> {
        self.reader.poll_next(cx)
    }
}
