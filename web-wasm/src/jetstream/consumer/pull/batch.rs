//! Some of a consumer's messages.

use core::pin::Pin;
use core::task::{Context as TaskContext, Poll};
use core::time::Duration;

use nats_proto::jetstream::consume::{Action, Batch as Machinery, BatchError, BatchOptions};

use super::Config;
use crate::jetstream::Message;
use crate::jetstream::consumer::inbox::{Inbox, machine};
use crate::jetstream::consumer::reader::{Puller, Reader};
use crate::jetstream::consumer::{Consumer, InboxError};

/// How long a batch waits for its messages unless it is told.
const EXPIRES: Duration = Duration::from_secs(30);

/// Why a [`Batch`] ended before it was full or its time was up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BatchMessagesError {
    /// The consumer, or what is asked of it.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// The client.
    #[error(transparent)]
    Inbox(#[from] InboxError),
}

impl Consumer<Config> {
    /// The messages that there are now, up to a number.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     consumer: web_wasm::jetstream::consumer::Consumer<web_wasm::jetstream::consumer::pull::Config>,
    /// # ) -> Result<(), Box<dyn core::error::Error>> {
    /// use futures_util::TryStreamExt;
    ///
    /// let mut messages = consumer.fetch().max_messages(10).messages().await?;
    /// while let Some(message) = messages.try_next().await? {
    ///     message.ack().await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn fetch(&self) -> FetchBuilder<'_> {
        let options = BatchOptions { max_messages: 200, no_wait: true, ..Default::default() };
        FetchBuilder { consumer: self, options }
    }

    /// The next messages, up to a number, which are waited for.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     consumer: web_wasm::jetstream::consumer::Consumer<web_wasm::jetstream::consumer::pull::Config>,
    /// # ) -> Result<(), Box<dyn core::error::Error>> {
    /// use core::time::Duration;
    /// use futures_util::TryStreamExt;
    ///
    /// let batch = consumer.batch().max_messages(10).expires(Duration::from_secs(5));
    /// let messages: Vec<_> = batch.messages().await?.try_collect().await?;
    /// println!("{} messages within 5 seconds", messages.len());
    /// # Ok(())
    /// # }
    /// ```
    pub fn batch(&self) -> BatchBuilder<'_> {
        let options = BatchOptions { max_messages: 200, expires: EXPIRES, ..Default::default() };
        BatchBuilder { consumer: self, options }
    }

    /// The consumer's messages in batches of so many, each waited for as long as it takes up to 30
    /// seconds. Each batch is asked for when the one before is no longer read.
    pub fn sequence(&self, batch: usize) -> Sequence {
        let options = BatchOptions { max_messages: batch, expires: EXPIRES, ..Default::default() };
        Sequence { consumer: self.clone(), options }
    }

    fn begin_batch(&self, options: BatchOptions) -> Batch {
        let inbox = Inbox::new(self.context.clone(), self.stream.clone(), options.max_messages);
        let machine = Machinery::new(options, inbox.now());
        Batch { reader: Reader::new(self.info.name.clone(), machine, inbox) }
    }
}

/// What is fetched.
#[derive(Clone, Debug)]
pub struct FetchBuilder<'a> {
    consumer: &'a Consumer<Config>,
    options: BatchOptions,
}

/// What a batch is of.
#[derive(Clone, Debug)]
pub struct BatchBuilder<'a> {
    consumer: &'a Consumer<Config>,
    options: BatchOptions,
}

/// The options that both kinds have.
macro_rules! options {
    ($builder:ident) => {
        impl $builder<'_> {
            /// How many messages at most; one at least. Default: 200.
            #[must_use]
            pub fn max_messages(mut self, messages: usize) -> Self {
                self.options.max_messages = messages;
                self
            }

            /// How many bytes at most, as the server counts them: subject, reply subject, headers
            /// and payload. Default: no limit.
            #[must_use]
            pub fn max_bytes(mut self, bytes: usize) -> Self {
                self.options.max_bytes = bytes;
                self
            }

            /// How long the server may be silent before it sends a heartbeat, at most half as long
            /// as is waited for messages; after twice as long it is given up. Default: no
            /// heartbeats.
            #[must_use]
            pub fn heartbeat(mut self, heartbeat: Duration) -> Self {
                self.options.idle_heartbeat = heartbeat;
                self
            }

            /// The messages.
            ///
            /// # Errors
            /// [`InboxError`].
            ///
            /// # Cancel safety
            /// It does not wait.
            pub async fn messages(self) -> Result<Batch, InboxError> {
                Ok(self.consumer.begin_batch(self.options))
            }
        }
    };
}

options!(FetchBuilder);
options!(BatchBuilder);
group_options!(FetchBuilder);
group_options!(BatchBuilder);

impl FetchBuilder<'_> {
    /// How long to wait for a first message, if there are none. Default: not at all.
    #[must_use]
    pub fn expires(mut self, expires: Duration) -> Self {
        self.options.expires = expires;
        self
    }
}

impl BatchBuilder<'_> {
    /// How long to wait for the messages. Default: 30 seconds.
    #[must_use]
    pub fn expires(mut self, expires: Duration) -> Self {
        self.options.expires = expires;
        self
    }
}

/// Some of a consumer's messages, as a stream.
///
/// It ends when it has as many as were wanted, when there are no more or when its time is up; or
/// with an error as its last item. If the connection breaks meanwhile, what has not come is asked for
/// over the next one, for the time that is left. Dropping it gives up what was asked for.
///
/// # Cancel safety
/// Reading the stream is cancel safe: a message is either returned or stays.
#[derive(Debug)]
pub struct Batch {
    reader: Reader<Machinery>,
}

machine!(Machinery);

impl Puller for Machinery {
    type Error = BatchError;

    fn poll_action(&mut self) -> Option<Action<BatchError>> {
        self.poll_action()
    }
}

impl futures_core::Stream for Batch {
    type Item = Result<Message, BatchMessagesError>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Message, BatchMessagesError>>> {
        self.reader.poll_next(cx)
    }
}

/// A consumer's messages in batches, without end. Made by [`Consumer::sequence`].
#[derive(Debug)]
pub struct Sequence {
    consumer: Consumer<Config>,
    options: BatchOptions,
}

impl futures_core::Stream for Sequence {
    type Item = Result<Batch, InboxError>;

    fn poll_next(
        self: Pin<&mut Self>,
        _: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Batch, InboxError>>> {
        Poll::Ready(Some(Ok(self.consumer.begin_batch(self.options.clone()))))
    }
}
