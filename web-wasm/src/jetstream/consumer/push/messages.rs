//! What a consumer delivers by itself, as it comes.

use core::pin::Pin;
use core::task::{Context as TaskContext, Poll, ready};

use nats_proto::Subject;
use nats_proto::jetstream::consume::{Push, PushAction, PushError, PushOptions};

use super::Config;
use crate::jetstream::Message;
use crate::jetstream::consumer::inbox::{Inbox, machine};
use crate::jetstream::consumer::{Consumer, InboxError};
use crate::subscriber::PendingLimits;

/// A trouble of [`Messages`]. After one that [`is_fatal`](Self::is_fatal) the stream ends; after
/// others it goes on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessagesError {
    /// The consumer, or what came of it.
    #[error(transparent)]
    Push(#[from] PushError),
    /// The client.
    #[error(transparent)]
    Inbox(#[from] InboxError),
}

impl MessagesError {
    /// Whether it ends the stream.
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Push(error) => error.is_fatal(),
            Self::Inbox(_) => true,
        }
    }
}

impl Consumer<Config> {
    /// The consumer's messages as they come.
    ///
    /// ```no_run
    /// # async fn example(stream: web_wasm::jetstream::stream::Stream)
    /// # -> Result<(), Box<dyn core::error::Error>> {
    /// use core::time::Duration;
    /// use futures_util::StreamExt;
    /// use web_wasm::jetstream::consumer::push;
    ///
    /// let config = push::Config {
    ///     deliver_subject: stream.context().client().new_inbox(),
    ///     flow_control: true,
    ///     idle_heartbeat: Duration::from_secs(5),
    ///     ..Default::default()
    /// };
    /// let mut messages = stream.create_consumer(config).await?.messages().await?;
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
    /// [`InboxError::Subscribe`].
    ///
    /// # Cancel safety
    /// It does not wait.
    #[expect(clippy::unused_async, reason = "async-nats has it so")]
    pub async fn messages(&self) -> Result<Messages, InboxError> {
        let Self { context, stream, info, .. } = self;
        let config = &info.config;
        let limits = match config.flow_control {
            true => WINDOW,
            false => context.client().shared().options.pending_limits,
        };
        let mut inbox = Inbox::with_limits(context.clone(), stream.clone(), limits);
        let subject = config.deliver_subject.clone().unwrap_or_default();
        let group = config.deliver_group.clone().map(Subject::from);
        inbox.subscribe_to(subject.into(), group.as_ref())?;
        let options =
            PushOptions { idle_heartbeat: config.idle_heartbeat, shared: group.is_some() };
        Ok(Messages { machine: Push::new(options), inbox, ended: false })
    }
}

/// What may wait to be read with flow control: twice the 32 MB that the server sends before it has
/// an answer, in messages however small.
const WINDOW: PendingLimits = PendingLimits {
    messages: usize::MAX,
    bytes: 64 << 20,
    overflow: crate::subscriber::Overflow::DropNewest,
};

/// What a consumer delivers by itself, as it comes.
///
/// It goes on over broken connections until it is dropped. Troubles are items of the stream, and
/// most do not end it: see [`MessagesError::is_fatal`]. What is on its way when a connection breaks
/// is lost; what must be acknowledged comes again, the rest is told as [`PushError::Missed`].
///
/// Without heartbeats nothing tells a consumer that is gone from one with nothing to say.
///
/// # Cancel safety
/// Reading the stream is cancel safe: a message is either returned or stays.
#[derive(Debug)]
pub struct Messages {
    pub(super) machine: Push,
    pub(super) inbox: Inbox,
    pub(super) ended: bool,
}

impl Messages {
    fn end(&mut self) {
        self.ended = true;
        self.inbox.unsubscribe();
    }
}

machine!(Push);

impl futures_core::Stream for Messages {
    type Item = Result<Message, MessagesError>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Message, MessagesError>>> {
        let this = &mut *self;
        if this.ended {
            return Poll::Ready(None);
        }
        loop {
            while let Some(action) = this.machine.poll_action() {
                match action {
                    PushAction::Deliver(message) => {
                        let context = this.inbox.context.clone();
                        return Poll::Ready(Some(Ok(Message { message, context })));
                    }
                    PushAction::Answer(subject) => this.inbox.answer(subject),
                    PushAction::Report(error) => return Poll::Ready(Some(Err(error.into()))),
                    PushAction::End(error) => {
                        this.end();
                        return Poll::Ready(Some(Err(error.into())));
                    }
                    _ => {}
                }
            }
            if let Err(error) = ready!(this.inbox.drive(&mut this.machine, cx)) {
                this.end();
                return Poll::Ready(Some(Err(error.into())));
            }
        }
    }
}
