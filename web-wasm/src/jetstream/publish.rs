//! Publishing to streams, with confirmation.

use core::fmt;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context as TaskContext, Poll};
use core::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use nats_proto::jetstream::response::{self, ResponseError};
use nats_proto::jetstream::{ApiError, ErrorCode, PublishAck, PublishMessage};
use nats_proto::{HeaderError, HeaderMap, Message, Subject};

use super::context::Context;
use super::in_flight::Permit;
use crate::client::{Client, State};
use crate::event::{Event, Events};
use crate::platform::LocalBoxFuture;
use crate::request::{PendingAnswer, Request};

/// Why it is not known that a stream has a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The caller's header can't be one. The message was not sent.
    #[error("invalid header: {0}")]
    InvalidHeader(#[from] HeaderError),
    /// The message was not sent.
    #[error("the message was not sent: {0}")]
    Publish(#[source] crate::PublishError),
    /// As many messages wait for their confirmation as may. This one was not sent.
    #[error("too many messages wait for their confirmation")]
    MaxAckInFlight,
    /// No stream stores the subject, or none did for as long as it was tried. The message was not
    /// stored.
    #[error("no stream stores the subject")]
    StreamNotFound,
    /// The last message of the stream, or of the subject, is not the one that was expected. The
    /// message was not stored.
    #[error("{0}")]
    WrongLastSequence(#[source] ApiError),
    /// The last message of the stream has not the id that was expected. The message was not stored.
    #[error("{0}")]
    WrongLastMessageId(#[source] ApiError),
    /// The stream refuses the message.
    #[error(transparent)]
    Api(ApiError),
    /// No confirmation came in time. The message may have been stored.
    #[error("no confirmation within {} ms", .timeout.as_millis())]
    TimedOut {
        /// How long was waited, the last time.
        timeout: Duration,
    },
    /// The confirmation can't be waited for, or the credential does not allow the subject.
    #[error(transparent)]
    Request(crate::RequestError),
    /// What came is no confirmation: somebody else than a stream may have sent it.
    #[error("the confirmation can't be read: {problem}")]
    Malformed {
        /// What is wrong with it.
        problem: String,
    },
}

impl PublishError {
    /// The server's error, if it sent one.
    pub fn api_error(&self) -> Option<&ApiError> {
        match self {
            Self::WrongLastSequence(error) | Self::WrongLastMessageId(error) | Self::Api(error) => {
                Some(error)
            }
            _ => None,
        }
    }

    /// Which error the server sent, if it sent one.
    pub fn error_code(&self) -> Option<ErrorCode> {
        self.api_error().map(ApiError::error_code)
    }
}

impl From<ApiError> for PublishError {
    fn from(error: ApiError) -> Self {
        match error.error_code() {
            ErrorCode::STREAM_WRONG_LAST_SEQUENCE
            | ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT => Self::WrongLastSequence(error),
            ErrorCode::STREAM_WRONG_LAST_MESSAGE_ID => Self::WrongLastMessageId(error),
            _ => Self::Api(error),
        }
    }
}

impl From<ResponseError> for PublishError {
    fn from(error: ResponseError) -> Self {
        match error {
            ResponseError::Api(error) => error.into(),
            error => Self::Malformed { problem: error.to_string() },
        }
    }
}

impl From<crate::RequestError> for PublishError {
    fn from(error: crate::RequestError) -> Self {
        match error {
            crate::RequestError::Publish(error) => Self::Publish(error),
            crate::RequestError::NoResponders => Self::StreamNotFound,
            crate::RequestError::TimedOut { timeout } => Self::TimedOut { timeout },
            error => Self::Request(error),
        }
    }
}

impl Context {
    /// Publishes a message to whichever stream stores its subject. Returns when it was handed to
    /// the connection; the future that it returns is ready when the stream has stored it.
    ///
    /// ```no_run
    /// # async fn example(jetstream: web_wasm::jetstream::Context)
    /// # -> Result<(), Box<dyn core::error::Error>> {
    /// let first = jetstream.publish("orders.7.placed", "{}".into()).await?;
    /// let second = jetstream.publish("orders.7.paid", "{}".into()).await?;
    /// assert!(first.await?.sequence < second.await?.sequence);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`PublishError`], where the message was not sent.
    ///
    /// # Cancel safety
    /// If the future is dropped before it is ready, the message is not sent.
    pub async fn publish(
        &self,
        subject: impl Into<Subject>,
        payload: Bytes,
    ) -> Result<PublishAckFuture, PublishError> {
        self.send_publish(subject, PublishMessage::build().payload(payload)).await
    }

    /// Publishes a message with headers; else as [`publish`](Self::publish).
    ///
    /// # Errors
    /// [`PublishError`], where the message was not sent.
    ///
    /// # Cancel safety
    /// If the future is dropped before it is ready, the message is not sent.
    pub async fn publish_with_headers(
        &self,
        subject: impl Into<Subject>,
        headers: HeaderMap,
        payload: Bytes,
    ) -> Result<PublishAckFuture, PublishError> {
        self.send_publish(subject, PublishMessage::build().payload(payload).headers(headers)).await
    }

    /// Publishes a message with what the stream is to check; else as [`publish`](Self::publish).
    ///
    /// ```no_run
    /// # async fn example(jetstream: web_wasm::jetstream::Context)
    /// # -> Result<(), Box<dyn core::error::Error>> {
    /// use web_wasm::jetstream::PublishMessage;
    ///
    /// let message = PublishMessage::build().payload("{}".into()).message_id("order-7");
    /// let ack = jetstream.send_publish("orders.7.placed", message).await?.await?;
    /// if ack.duplicate {
    ///     println!("the stream had it already, as message {}", ack.sequence);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`PublishError`], where the message was not sent.
    ///
    /// # Cancel safety
    /// If the future is dropped before it is ready, the message is not sent.
    pub async fn send_publish(
        &self,
        subject: impl Into<Subject>,
        message: PublishMessage,
    ) -> Result<PublishAckFuture, PublishError> {
        let subject = subject.into();
        let repeatable = message.is_repeatable();
        let (payload, headers) = message.into_parts()?;
        let in_flight = &self.settings.in_flight;
        let permit = match in_flight.try_acquire() {
            Some(permit) => permit,
            None if self.settings.waits_for_room => in_flight.acquire().await,
            None => return Err(PublishError::MaxAckInFlight),
        };
        let request = Request::new().payload(payload).timeout(self.settings.ack_timeout);
        let request = match headers {
            Some(headers) => request.headers(headers),
            None => request,
        };
        // Only who publishes again wants to know of reconnections.
        let events = repeatable.then(|| self.client.events());
        let since = self.client.shared().runtime.platform.unix_time();
        let answer = start(&self.client, &subject, &request).await?;
        let publishing = Publishing { context: self.clone(), subject, request, events, since };
        Ok(PublishAckFuture { confirmed: Box::pin(publishing.confirmed(answer, permit)) })
    }

    /// Waits until no message waits for its confirmation any more.
    ///
    /// The futures that [`publish`](Self::publish) returned must be awaited meanwhile by others, or
    /// have been dropped.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn wait_for_acks(&self) {
        self.settings.in_flight.idle().await;
    }
}

/// The confirmation of a message that was published.
///
/// # Errors
/// [`PublishError`].
///
/// # Cancel safety
/// Dropping it leaves open whether the message is stored, and publishes it no more.
pub struct PublishAckFuture {
    confirmed: LocalBoxFuture<'static, Result<PublishAck, PublishError>>,
}

impl Future for PublishAckFuture {
    type Output = Result<PublishAck, PublishError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        self.confirmed.as_mut().poll(cx)
    }
}

impl fmt::Debug for PublishAckFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublishAckFuture")
    }
}

/// A message that may have to be published again.
struct Publishing {
    context: Context,
    subject: Subject,
    request: Request,
    /// What happens to the connection, if the message has an id: one published twice is stored once.
    events: Option<Events>,
    /// When it was published first, by the clock that does not stand still while a machine sleeps.
    since: Duration,
}

impl Publishing {
    /// Waits for the confirmation. `_permit` is the message's room among those that do.
    async fn confirmed(
        mut self,
        mut answer: PendingAnswer,
        _permit: Permit,
    ) -> Result<PublishAck, PublishError> {
        let retries = self.context.settings.retries;
        let mut attempts = retries.attempts;
        loop {
            let missed = match self.answer_or_reconnection(answer).await {
                Some(Ok(message)) => return Ok(response::parse(&message.payload)?),
                Some(Err(error)) => Some(error),
                None => None,
            };
            match missed {
                // Whether the server before had the message is not known. This one is asked, though
                // all attempts are used up.
                None => {}
                Some(crate::RequestError::NoResponders) if attempts > 0 => {
                    attempts -= 1;
                    self.context.client.handle.sleep(retries.wait).await;
                }
                Some(crate::RequestError::TimedOut { .. })
                    if attempts > 0 && self.events.is_some() =>
                {
                    attempts -= 1;
                    self.connection(&mut attempts).await?;
                }
                Some(error) => return Err(error.into()),
            }
            if self.may_be_forgotten() {
                return Err(self.timed_out());
            }
            answer = start(&self.context.client, &self.subject, &self.request).await?;
        }
    }

    /// Waits for a connection, since what is published without one waits for it too, and would then
    /// come when the stream may have forgotten the id.
    async fn connection(&mut self, attempts: &mut usize) -> Result<(), PublishError> {
        let client = self.context.client.clone();
        let ack_timeout = self.context.settings.ack_timeout;
        let patience = || client.handle.sleep(ack_timeout);
        let mut timeout = patience();
        while !matches!(client.connection_state(), State::Connected | State::Closed) {
            let Some(events) = &mut self.events else { return Ok(()) };
            match select(Box::pin(events.next()), &mut timeout).await {
                Either::Left((Some(_), _)) => {}
                Either::Right(_) if *attempts > 0 => {
                    *attempts -= 1;
                    timeout = patience();
                }
                _ => return Err(self.timed_out()),
            }
        }
        Ok(())
    }

    /// Whether the stream may no longer know the message's id, if it has it, when one that is published
    /// now arrives: that may be as late as its confirmation.
    fn may_be_forgotten(&self) -> bool {
        let settings = &self.context.settings;
        let now = self.context.client.shared().runtime.platform.unix_time();
        let arrives = now.saturating_sub(self.since).saturating_add(settings.ack_timeout);
        self.events.is_some() && arrives >= settings.duplicate_window
    }

    fn timed_out(&self) -> PublishError {
        PublishError::TimedOut { timeout: self.context.settings.ack_timeout }
    }

    /// Waits for an answer, or, if the message may be published again, until a connection was made
    /// anew, over which the answer will hardly come.
    async fn answer_or_reconnection(
        &mut self,
        answer: PendingAnswer,
    ) -> Option<Result<Message, crate::RequestError>> {
        let Some(events) = &mut self.events else { return Some(answer.await) };
        let reconnected = Box::pin(async {
            let mut anew = events.filter(|event| core::future::ready(is_anew(event)));
            anew.next().await
        });
        match select(answer, reconnected).await {
            Either::Left((answer, _)) => Some(answer),
            Either::Right((Some(_), _)) => None,
            // The client is closed, which the answer says, too.
            Either::Right((None, answer)) => Some(answer.await),
        }
    }
}

/// Whether a connection was made over which answers to what was asked before will hardly come.
fn is_anew(event: &Event) -> bool {
    matches!(event, Event::Connected { .. } | Event::HandedOver { broke: Some(_), .. })
}

/// Publishes a request as soon as there is room for it.
async fn start(
    client: &Client,
    subject: &Subject,
    request: &Request,
) -> Result<PendingAnswer, PublishError> {
    let started = poll_fn(|cx| match client.start_request(subject, request) {
        Err(crate::RequestError::Publish(crate::PublishError::BufferFull { .. })) => {
            client.shared().inner.borrow_mut().publishers.push(cx.waker().clone());
            Poll::Pending
        }
        started => Poll::Ready(started),
    });
    Ok(started.await?)
}
