//! A subscription that gets from a stream what it misses.

mod recover_from;
mod source;

use core::pin::Pin;
use core::task::{Context as TaskContext, Poll, ready};
use core::time::Duration;

use futures_core::Stream;
use futures_util::StreamExt;
use nats_proto::Subject;
use nats_proto::connection::{EndReason, SubscribeError};
use nats_proto::jetstream::recovery::{Begun, GoOn, NotRecovered, Recovery, Verdict};

pub use self::recover_from::RecoverFrom;
use self::source::{Facts, Source, refusal};
use super::consumer::InboxError;
use super::consumer::pull::{Ordered, OrderedError, OrderedMessagesError};
use super::message::Message;
use super::stream::{ConsumerCreateError, GetStreamError};
use crate::client::{Client, State};
use crate::event::Event;
use crate::platform::LocalBoxFuture;
use crate::subscriber::Subscriber;

/// Why a recovering subscription was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeRecoveringError {
    /// The stream's name is none.
    #[error(transparent)]
    Stream(#[from] GetStreamError),
    /// The stream is not there, does not store what is subscribed to, or may not be read.
    #[error(transparent)]
    Create(#[from] ConsumerCreateError),
    /// It has no inbox.
    #[error(transparent)]
    Inbox(#[from] InboxError),
}

impl Client {
    /// Subscribes to a subject or pattern, and gets from a stream what is missed in interruptions.
    ///
    /// ```no_run
    /// # async fn example(client: web_wasm::Client) -> Result<(), Box<dyn core::error::Error>> {
    /// use futures_util::StreamExt;
    /// use web_wasm::jetstream::RecoverFrom;
    ///
    /// let rooms = RecoverFrom::stream("ROOMS").max_missed(1_000);
    /// let mut chat = client.subscribe_recovering("rooms.7.chat", rooms).await?;
    /// while let Some(message) = chat.next().await {
    ///     println!("{:?}", message.payload);
    ///     if let Some(verdict) = chat.take_verdict() {
    ///         println!("after an interruption: {verdict:?}");
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`SubscribeRecoveringError`].
    ///
    /// # Cancel safety
    /// If the future is dropped a consumer may have been made, which the server deletes by itself.
    pub async fn subscribe_recovering(
        &self,
        subject: impl Into<Subject>,
        from: RecoverFrom,
    ) -> Result<RecoveringSubscriber, SubscribeRecoveringError> {
        let context = from.context.clone().unwrap_or_else(|| super::new(self.clone()));
        let stream = context.get_stream_no_info(&from.stream).map_err(GetStreamError::from)?;
        let subject = subject.into();
        let mut this = RecoveringSubscriber {
            source: Source { context, stream, subject, checks: true },
            recovery: Recovery::new(from.max_missed),
            timeout: from.timeout,
            mode: Mode::Ended(None),
            patience: None,
            verdict: None,
        };
        let requested = from.after.map(|after| after.saturating_add(1));
        let (ordered, begun) = this.source.clone().begin(requested).await?;
        let facts = this.source.clone().facts().await;
        this.begun(Box::new(ordered), begun, facts);
        Ok(this)
    }
}

/// A subscription that gets from a stream what it misses, made by
/// [`Client::subscribe_recovering`].
///
/// It is read from the stream, each message once and in order, over reconnects, restarts and renewed
/// credentials. After each interruption [`Event::Recovery`] and [`take_verdict`](Self::take_verdict)
/// tell whether everything was got that was missed, and if not, why. When the stream can't be read any
/// more it goes on as a plain subscription: its messages then have no numbers, and [`Event::Gap`] tells
/// of its interruptions.
///
/// It asks for messages as they are read, so that none is dropped for a slow reader.
///
/// The credential has to allow making a consumer of the stream for the subject, and asking it for
/// messages. Where it allows asking for the stream's info, too, a stream that was deleted and made
/// anew is told from the one before; else messages of the new one are passed over up to the number of
/// the last one that was read.
///
/// # Cancel safety
/// Reading the stream is cancel safe: a message is either returned or stays.
pub struct RecoveringSubscriber {
    source: Source,
    recovery: Recovery,
    timeout: Duration,
    mode: Mode,
    /// How much longer the stream is waited for.
    patience: Option<LocalBoxFuture<'static, ()>>,
    verdict: Option<Verdict>,
}

enum Mode {
    /// It is read from the stream.
    Reading(Box<Ordered>),
    /// A consumer was made anew, and it is looked what became of the stream.
    Looking(Box<Ordered>, Begun, LocalBoxFuture<'static, Facts>),
    /// A consumer is made that begins with what is new.
    Beginning(LocalBoxFuture<'static, Result<(Ordered, Begun), SubscribeRecoveringError>>),
    /// It goes on without the stream.
    Plain(Subscriber),
    Ended(Option<EndReason>),
}

impl RecoveringSubscriber {
    /// What it is subscribed to.
    pub fn subject(&self) -> &Subject {
        &self.source.subject
    }

    /// What came of the latest interruption, if that has not been taken and is known.
    pub fn take_verdict(&mut self) -> Option<Verdict> {
        self.verdict.take()
    }

    /// Whether messages are read from the stream, as opposed to a plain subscription.
    pub fn is_recovering(&self) -> bool {
        !matches!(self.mode, Mode::Plain(_) | Mode::Ended(_))
    }

    /// Why there will be no more messages, if that is so.
    pub fn end_reason(&self) -> Option<EndReason> {
        match &self.mode {
            Mode::Plain(subscriber) => subscriber.end_reason(),
            Mode::Ended(reason) => reason.clone(),
            _ => None,
        }
    }

    /// Asks for nothing more, and ends when what is on its way is read.
    pub fn drain(&mut self) {
        match &mut self.mode {
            Mode::Reading(ordered) | Mode::Looking(ordered, ..) => ordered.drain(),
            Mode::Plain(subscriber) => subscriber.drain(),
            Mode::Beginning(_) => self.mode = Mode::Ended(Some(EndReason::Drained)),
            Mode::Ended(_) => {}
        }
    }

    fn client(&self) -> Client {
        self.source.context.client()
    }

    fn tell(&mut self, verdict: Verdict) {
        let subject = self.source.subject.clone();
        self.client().shared().emit(&Event::Recovery { subject, verdict: verdict.clone() });
        self.verdict = Some(verdict);
    }

    /// There is another consumer, and the stream was looked at.
    fn begun(&mut self, ordered: Box<Ordered>, begun: Begun, facts: Facts) {
        let stream = match facts {
            Facts::Known(facts) => Some(facts),
            Facts::Unknown => None,
            Facts::Forbidden => {
                self.source.checks = false;
                None
            }
        };
        match self.recovery.handle_begun(begun, stream) {
            GoOn::With(verdict) => {
                self.mode = Mode::Reading(ordered);
                if let Some(verdict) = verdict {
                    self.tell(verdict);
                }
            }
            GoOn::Anew(reason) => {
                // It is given up before there is another.
                drop(ordered);
                self.mode = Mode::Beginning(Box::pin(self.source.clone().begin(None)));
                self.tell(Verdict::NotRecovered(reason));
            }
        }
    }

    /// Goes on without the stream.
    fn give_up(&mut self, reason: NotRecovered) {
        self.patience = None;
        self.mode = match self.client().subscribe_now(self.source.subject.clone(), None, false) {
            Ok(subscriber) => Mode::Plain(subscriber),
            Err(SubscribeError::Draining) => Mode::Ended(Some(EndReason::Drained)),
            Err(_) => Mode::Ended(Some(EndReason::Closed)),
        };
        self.tell(Verdict::NotRecovered(reason));
    }

    /// Whether the stream was waited for long enough.
    fn is_out_of_patience(&mut self, waits: bool, cx: &mut TaskContext<'_>) -> bool {
        let client = self.client();
        if !waits || client.connection_state() != State::Connected {
            self.patience = None;
            return false;
        }
        let timeout = self.timeout;
        let patience = self.patience.get_or_insert_with(|| client.handle.sleep(timeout));
        patience.as_mut().poll(cx).is_ready()
    }

    /// Reads from the stream; `None` to go on with what has become of that.
    fn poll_reading(&mut self, cx: &mut TaskContext<'_>) -> Poll<Option<Option<Message>>> {
        let Mode::Reading(ordered) = &mut self.mode else { return Poll::Ready(None) };
        let polled = ordered.poll_next_unpin(cx);
        let delivers = matches!(polled, Poll::Ready(Some(Ok(_))));
        // A consumer that was just made has delivered nothing yet.
        if let Some(begun) = (!delivers).then(|| ordered.take_begun()).flatten() {
            let facts = Box::pin(self.source.clone().facts());
            let mode = core::mem::replace(&mut self.mode, Mode::Ended(None));
            if let Mode::Reading(ordered) = mode {
                self.mode = Mode::Looking(ordered, begun, facts);
            }
            return Poll::Ready(None);
        }
        match polled {
            Poll::Ready(Some(Ok(message))) => {
                self.patience = None;
                let info = message.info().ok();
                let numbers = info.map(|info| (info.stream_sequence, info.pending));
                let verdict = numbers.and_then(|(stream_sequence, pending)| {
                    self.recovery.handle_message(stream_sequence, pending)
                });
                if let Some(verdict) = verdict {
                    self.tell(verdict);
                }
                Poll::Ready(Some(Some(message)))
            }
            Poll::Ready(Some(Err(error))) => {
                if error.is_fatal() {
                    match self.why(&error) {
                        Some(reason) => self.give_up(reason),
                        None => self.mode = Mode::Ended(Some(EndReason::Closed)),
                    }
                }
                // Others are the consumer's to deal with, and its next beginning tells of them.
                Poll::Ready(None)
            }
            Poll::Ready(None) => {
                self.mode = Mode::Ended(Some(EndReason::Drained));
                Poll::Ready(None)
            }
            Poll::Pending => {
                let waits = !ordered.has_consumer();
                if !self.is_out_of_patience(waits, cx) {
                    return Poll::Pending;
                }
                let Mode::Reading(ordered) = &self.mode else { return Poll::Ready(None) };
                let reason = ordered.refusal().and_then(refusal);
                self.give_up(reason.unwrap_or(NotRecovered::TimedOut));
                Poll::Ready(None)
            }
        }
    }

    /// Why the stream can't be read any more; `None` if the client is closed.
    fn why(&self, error: &OrderedMessagesError) -> Option<NotRecovered> {
        match error {
            OrderedMessagesError::Inbox(InboxError::Closed) => None,
            OrderedMessagesError::Inbox(error) => Some(NotRecovered::NotAllowed(error.to_string())),
            OrderedMessagesError::Ordered(OrderedError::Refused(reason)) => {
                let Mode::Reading(ordered) = &self.mode else { return None };
                let known = ordered.refusal().and_then(refusal);
                Some(known.unwrap_or_else(|| NotRecovered::Refused(reason.to_string())))
            }
            error => Some(NotRecovered::Refused(error.to_string())),
        }
    }
}

impl Stream for RecoveringSubscriber {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Message>> {
        let this = &mut *self;
        loop {
            match &mut this.mode {
                Mode::Reading(_) => {
                    if let Some(message) = ready!(this.poll_reading(cx)) {
                        return Poll::Ready(message);
                    }
                }
                Mode::Looking(_, begun, facts) => {
                    let (facts, begun) = (ready!(facts.as_mut().poll(cx)), *begun);
                    let mode = core::mem::replace(&mut this.mode, Mode::Ended(None));
                    if let Mode::Looking(ordered, ..) = mode {
                        this.begun(ordered, begun, facts);
                    }
                }
                Mode::Beginning(beginning) => match beginning.as_mut().poll(cx) {
                    Poll::Ready(Ok((ordered, begun))) => {
                        this.begun(Box::new(ordered), begun, Facts::Unknown);
                    }
                    Poll::Ready(Err(error)) => {
                        let reason = match &error {
                            SubscribeRecoveringError::Create(error) => refusal(error),
                            _ => None,
                        };
                        this.give_up(reason.unwrap_or(NotRecovered::TimedOut));
                    }
                    Poll::Pending => return Poll::Pending,
                },
                Mode::Plain(subscriber) => {
                    let message = ready!(subscriber.poll_next_unpin(cx));
                    let context = this.source.context.clone();
                    return Poll::Ready(message.map(|message| Message { message, context }));
                }
                Mode::Ended(_) => return Poll::Ready(None),
            }
        }
    }
}

impl core::fmt::Debug for RecoveringSubscriber {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("RecoveringSubscriber")
            .field("stream", self.source.stream.name())
            .field("subject", &self.source.subject)
            .field("recovery", &self.recovery)
            .finish_non_exhaustive()
    }
}
