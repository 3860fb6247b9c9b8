//! A stream's messages, each once and in order.

use core::pin::Pin;
use core::task::{Context as TaskContext, Poll, ready};
use core::time::Duration;

use nats_proto::jetstream::consume::{
    self, OrderedAction, OrderedError, OrderedOptions, PullOptions, Recreation,
};
use nats_proto::jetstream::recovery::{Begun, StreamFacts};
use nats_proto::jetstream::{Endpoint, ErrorCode, Name};

use super::OrderedConfig;
use super::stream::limited;
use crate::jetstream::consumer::inbox::{Inbox, machine};
use crate::jetstream::consumer::{Consumer, DeliverPolicy, InboxError, Info, IntoConsumerConfig};
use crate::jetstream::stream::{ConsumerAction, ConsumerCreateError, Stream};
use crate::jetstream::{Message, RequestError};
use crate::platform::LocalBoxFuture;

/// How many messages are asked for at a time unless it is said otherwise.
const BATCH: usize = 500;

/// How long the server may be silent before it sends a heartbeat. A consumer that is lost with its
/// server is missed after twice as long. Source: ADR-17.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// A trouble of an [`Ordered`] consumer. After one that [`is_fatal`](Self::is_fatal) the stream
/// ends; after others it goes on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OrderedMessagesError {
    /// The stream, or its consumer.
    #[error(transparent)]
    Ordered(#[from] OrderedError),
    /// The client.
    #[error(transparent)]
    Inbox(#[from] InboxError),
}

impl OrderedMessagesError {
    /// Whether it ends the stream.
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Ordered(error) => error.is_fatal(),
            Self::Inbox(_) => true,
        }
    }
}

impl Consumer<OrderedConfig> {
    /// The stream's messages, each once and in order.
    ///
    /// ```no_run
    /// # async fn example(stream: web_wasm::jetstream::stream::Stream)
    /// # -> Result<(), Box<dyn core::error::Error>> {
    /// use futures_util::TryStreamExt;
    /// use web_wasm::jetstream::consumer::pull;
    ///
    /// let config = pull::OrderedConfig { filter_subject: "rooms.7.>".into(), ..Default::default() };
    /// let mut messages = stream.create_consumer(config).await?.messages().await?;
    /// while let Some(message) = messages.try_next().await? {
    ///     println!("{}: {:?}", message.info()?.stream_sequence, message.payload);
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
    #[expect(clippy::unused_async, reason = "async-nats has it so")]
    pub async fn messages(self) -> Result<Ordered, InboxError> {
        let Self { context, stream, config, info } = self;
        let mut pull = PullOptions {
            max_messages: BATCH,
            idle_heartbeat: HEARTBEAT,
            ..PullOptions::default()
        };
        if let Some(max_bytes) = usize::try_from(config.max_bytes).ok().filter(|max| *max > 0) {
            pull.max_bytes = max_bytes;
        }
        let options =
            OrderedOptions { pull: limited(pull, &info.config), name_prefix: info.name.clone() };
        let inbox = Inbox::new(context.clone(), stream.clone(), options.pull.max_messages);
        let delivered = info.delivered.stream_sequence;
        let mut machine = consume::Ordered::with_consumer(options, info.name, delivered);
        // One that begins with a number may be ahead of its stream.
        let begins_there = matches!(config.deliver_policy, DeliverPolicy::ByStartSequence { .. });
        machine.handle_known(info.created, if begins_there { 0 } else { delivered });
        let stream = Stream::new(context, stream, ());
        Ok(Ordered {
            stream,
            config,
            machine,
            inbox,
            creating: None,
            begun: None,
            refusal: None,
            looks: true,
            ended: false,
        })
    }
}

/// A stream's messages, each once and in order.
///
/// Wherever a message is missing, the connection was broken or the consumer is gone, another
/// consumer takes its place that begins after the last message. That is no trouble, unless the stream
/// has dropped messages meanwhile: then an item says which, as [`OrderedError::Gap`]. A stream that was
/// deleted and made anew, or has lost its last messages as one in memory does with its server, is read
/// from its beginning after an item that says so, [`OrderedError::StreamReset`]; where the credential
/// does not allow the stream's info that can't be known, and it waits for the next number.
///
/// It asks for messages as they are read, and deletes its consumer when it is dropped.
///
/// # Cancel safety
/// Reading the stream is cancel safe: a message is either returned or stays.
pub struct Ordered {
    stream: Stream<()>,
    config: OrderedConfig,
    machine: consume::Ordered,
    inbox: Inbox,
    /// The consumer that is being made, and with which number it is to begin.
    creating: Option<(String, Option<u64>, Creation)>,
    /// The consumer that was made last, until somebody has asked for it.
    begun: Option<Begun>,
    /// Why the last one was not made.
    refusal: Option<ConsumerCreateError>,
    /// Whether the stream is looked at when a consumer was made anew.
    looks: bool,
    ended: bool,
}

type Creation = LocalBoxFuture<'static, Result<(Info, Looked), ConsumerCreateError>>;

/// What was seen of the stream.
enum Looked {
    Seen(StreamFacts),
    /// It was not looked at, or did not answer.
    Unseen,
    /// The credential does not allow it.
    Forbidden,
}

async fn look(stream: &Stream<()>) -> Looked {
    match stream.get_info().await {
        Ok(info) => Looked::Seen(StreamFacts {
            created: info.created,
            last_sequence: info.state.last_sequence,
        }),
        Err(RequestError::Request(crate::RequestError::Denied(_))) => Looked::Forbidden,
        Err(_) => Looked::Unseen,
    }
}

impl Ordered {
    /// Asks for nothing more. What is on its way can still be read; then the stream ends.
    pub fn drain(&mut self) {
        self.machine.drain();
        self.inbox.drain();
    }

    /// Leaves it to the caller to look at the stream.
    pub(in crate::jetstream) fn without_looking(mut self) -> Self {
        self.looks = false;
        self
    }

    /// The consumer that was made last, if it has not been asked for.
    pub(in crate::jetstream) fn take_begun(&mut self) -> Option<Begun> {
        self.begun.take()
    }

    /// Why no consumer was made, if the last one was not.
    pub(in crate::jetstream) fn refusal(&self) -> Option<&ConsumerCreateError> {
        self.refusal.as_ref()
    }

    /// Whether it has a consumer.
    pub(in crate::jetstream) fn has_consumer(&self) -> bool {
        self.machine.consumer().is_some()
    }

    fn end(&mut self) {
        self.ended = true;
        self.creating = None;
        self.inbox.unsubscribe();
    }

    fn create(&mut self, name: String, start_sequence: Option<u64>) {
        let mut config = self.config.clone().into_consumer_config();
        config.name = Some(name.clone());
        if let Some(start_sequence) = start_sequence {
            config.deliver_policy = DeliverPolicy::ByStartSequence { start_sequence };
        }
        let (stream, looks) = (self.stream.clone(), self.looks);
        let creation = Box::pin(async move {
            let info = stream.add_consumer(config, ConsumerAction::Create).await?;
            let looked = if looks { look(&stream).await } else { Looked::Unseen };
            Ok((info, looked))
        });
        self.creating = Some((name, start_sequence, creation));
    }

    /// Says that a consumer is to be deleted. Nobody waits for the answer: the server deletes it in
    /// half a minute by itself.
    fn delete(&self, name: &str) {
        let Ok(name) = Name::new(name) else { return };
        let subject =
            self.stream.context().subject(Endpoint::ConsumerDelete(self.stream.name(), &name));
        self.stream.context().client.try_publish(&subject, None, None, b"").ok();
    }

    /// Says whether a consumer was made, or was not.
    fn poll_creation(&mut self, cx: &mut TaskContext<'_>) -> bool {
        let Some((name, requested, creation)) = &mut self.creating else { return false };
        let Poll::Ready(result) = creation.as_mut().poll(cx) else { return false };
        let (name, requested) = (core::mem::take(name), *requested);
        self.creating = None;
        let result = match result {
            Ok((info, looked)) => {
                match looked {
                    Looked::Seen(stream) => {
                        self.machine.handle_stream(self.inbox.now(), &name, stream);
                    }
                    Looked::Forbidden => self.looks = false,
                    Looked::Unseen => {}
                }
                let (delivered, pending) = (info.delivered.stream_sequence, info.num_pending);
                self.begun = Some(Begun { requested, delivered, pending });
                self.refusal = None;
                Ok(delivered)
            }
            Err(error) => {
                let reason = error.to_string().into();
                let recreation = match is_final(&error) {
                    true => Recreation::Refused(reason),
                    false => Recreation::Unavailable(reason),
                };
                self.refusal = Some(error);
                Err(recreation)
            }
        };
        self.machine.handle_created(self.inbox.now(), &name, result);
        true
    }

    fn act(
        &mut self,
        action: OrderedAction,
    ) -> Option<Option<Result<Message, OrderedMessagesError>>> {
        match action {
            OrderedAction::Create { name, start_sequence } => self.create(name, start_sequence),
            OrderedAction::Delete { name } => self.delete(&name),
            OrderedAction::Unsubscribe => {
                self.creating = None;
                self.inbox.unsubscribe();
            }
            OrderedAction::Subscribe => {
                if let Err(error) = self.inbox.subscribe() {
                    self.end();
                    return Some(Some(Err(error.into())));
                }
            }
            OrderedAction::Request { consumer, token, request } => {
                self.inbox.request(&consumer, token, &request);
            }
            OrderedAction::Deliver(message) => {
                let context = self.inbox.context.clone();
                return Some(Some(Ok(Message { message, context })));
            }
            OrderedAction::Report(error) => return Some(Some(Err(error.into()))),
            OrderedAction::End(error) => {
                self.end();
                return Some(error.map(|error| Err(error.into())));
            }
            _ => {}
        }
        None
    }
}

/// Whether the server will say the same next time, as far as one can know.
fn is_final(error: &ConsumerCreateError) -> bool {
    const PASSING: [ErrorCode; 6] = [
        ErrorCode::CLUSTER_NOT_ACTIVE,
        ErrorCode::CLUSTER_NOT_AVAILABLE,
        ErrorCode::CLUSTER_NOT_LEADER,
        ErrorCode::JETSTREAM_NOT_ENABLED,
        ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT,
        ErrorCode::CONSUMER_CREATE,
    ];
    match error {
        ConsumerCreateError::Request(error) => {
            error.error_code().is_some_and(|code| !PASSING.contains(&code))
                || matches!(error, RequestError::Request(crate::RequestError::Denied(_)))
        }
        _ => true,
    }
}

machine!(consume::Ordered);

impl futures_core::Stream for Ordered {
    type Item = Result<Message, OrderedMessagesError>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Message, OrderedMessagesError>>> {
        let this = &mut *self;
        if this.ended {
            return Poll::Ready(None);
        }
        loop {
            while let Some(action) = this.machine.poll_action() {
                if let Some(item) = this.act(action) {
                    return Poll::Ready(item);
                }
            }
            if this.poll_creation(cx) {
                continue;
            }
            if let Err(error) = ready!(this.inbox.drive(&mut this.machine, cx)) {
                this.end();
                return Poll::Ready(Some(Err(error.into())));
            }
        }
    }
}

impl Drop for Ordered {
    fn drop(&mut self) {
        if let Some(name) = self.machine.consumer() {
            self.delete(name);
        }
    }
}

impl core::fmt::Debug for Ordered {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Ordered")
            .field("stream", self.stream.name())
            .field("machine", &self.machine)
            .finish_non_exhaustive()
    }
}
