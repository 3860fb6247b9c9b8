//! Where what a consumer delivers arrives, and what drives the machine that reads it.

use core::pin::Pin;
use core::task::{Context as TaskContext, Poll};
use std::collections::VecDeque;

use bytes::Bytes;
use futures_core::Stream;
use nats_proto::connection::{EndReason, PublishError, SubscribeError};
use nats_proto::jetstream::consume::PullRequest;
use nats_proto::jetstream::{Endpoint, Name};
use nats_proto::{Instant, Message, Operation, ServerError, Subject};

use crate::client::{Client, State};
use crate::event::{Event, Events};
use crate::jetstream::Context;
use crate::platform::LocalBoxFuture;
use crate::subscriber::{Overflow, PendingLimits, Subscriber};

/// A machine of [`nats_proto::jetstream::consume`], as far as they are alike.
pub(super) trait Machine {
    fn handle_connected(&mut self, now: Instant);
    fn handle_disconnected(&mut self);
    fn handle_message(&mut self, now: Instant, message: Message);
    fn handle_timeout(&mut self, now: Instant);
    fn poll_timeout(&self) -> Option<Instant>;
}

/// Passes a machine's methods on.
macro_rules! machine {
    ($machine:ty) => {
        impl $crate::jetstream::consumer::inbox::Machine for $machine {
            fn handle_connected(&mut self, now: nats_proto::Instant) {
                self.handle_connected(now);
            }

            fn handle_disconnected(&mut self) {
                self.handle_disconnected();
            }

            fn handle_message(&mut self, now: nats_proto::Instant, message: nats_proto::Message) {
                self.handle_message(now, message);
            }

            fn handle_timeout(&mut self, now: nats_proto::Instant) {
                self.handle_timeout(now);
            }

            fn poll_timeout(&self) -> Option<nats_proto::Instant> {
                self.poll_timeout()
            }
        }
    };
}
pub(super) use machine;

/// Why nothing arrives any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InboxError {
    /// The inbox can't be subscribed to.
    #[error("no inbox: {0}")]
    Subscribe(#[from] SubscribeError),
    /// The subscription to the inbox ended.
    #[error("the inbox ended: {0}")]
    Ended(#[source] EndReason),
    /// The credential does not allow the consumer's messages to be asked for.
    #[error("not allowed: {0}")]
    Denied(#[source] ServerError),
    /// The client is closed.
    #[error("the connection is closed")]
    Closed,
}

/// The inbox of a machine, and all that moves it.
pub(super) struct Inbox {
    pub(super) context: Context,
    stream: Name,
    subscriber: Option<Subscriber>,
    /// How much may wait in the inbox.
    limits: PendingLimits,
    /// What happens to the connection, whatever it is: a reason to look.
    events: Events,
    /// How often the connection had broken when that was last heeded.
    losses: u64,
    /// Whether the machine knows of the present connection.
    connected: bool,
    /// What waits for room in the outbound buffer: subject, reply subject and payload.
    outgoing: VecDeque<(Subject, Option<Subject>, Bytes)>,
    /// Where the last request went.
    asked: Option<Subject>,
    timer: Option<(Instant, LocalBoxFuture<'static, ()>)>,
}

impl Inbox {
    /// One for messages of a stream's consumers, as many as are asked for at a time.
    pub(super) fn new(context: Context, stream: Name, max_messages: usize) -> Self {
        // What is asked for bounds what arrives; statuses come on top, and what was asked of a
        // leader that is replaced.
        let messages = max_messages.saturating_mul(2).saturating_add(1_024);
        let limits = PendingLimits { messages, bytes: usize::MAX, overflow: Overflow::DropNewest };
        Self::with_limits(context, stream, limits)
    }

    /// One that holds so much of what it did not ask for.
    pub(super) fn with_limits(context: Context, stream: Name, limits: PendingLimits) -> Self {
        let client = context.client();
        Self {
            stream,
            subscriber: None,
            limits,
            events: client.events(),
            losses: client.shared().losses.get(),
            connected: false,
            outgoing: VecDeque::new(),
            asked: None,
            timer: None,
            context,
        }
    }

    fn client(&self) -> &Client {
        &self.context.client
    }

    pub(super) fn now(&self) -> Instant {
        self.client().shared().runtime.platform.now()
    }

    /// Gives up the inbox that there is, and subscribes to a fresh one.
    pub(super) fn subscribe(&mut self) -> Result<(), InboxError> {
        self.unsubscribe();
        let inbox = self.client().new_inbox();
        let subscriber = self.client().subscribe_until_lost(format!("{inbox}.*").into())?;
        self.read_from(subscriber);
        Ok(())
    }

    /// Subscribes to where a consumer delivers by itself, for as long as there are connections.
    pub(super) fn subscribe_to(
        &mut self,
        subject: Subject,
        queue_group: Option<&Subject>,
    ) -> Result<(), InboxError> {
        let subscriber = self.client().subscribe_now(subject, queue_group, false)?;
        self.read_from(subscriber);
        Ok(())
    }

    fn read_from(&mut self, mut subscriber: Subscriber) {
        subscriber.set_pending_limits(self.limits);
        self.subscriber = Some(subscriber);
        self.losses = self.client().shared().losses.get();
    }

    pub(super) fn unsubscribe(&mut self) {
        self.subscriber = None;
        self.outgoing.clear();
    }

    /// Takes no more than what is on its way.
    pub(super) fn drain(&mut self) {
        if let Some(subscriber) = &mut self.subscriber {
            subscriber.drain();
        }
    }

    /// Asks a consumer for messages.
    pub(super) fn request(&mut self, consumer: &str, token: u64, request: &PullRequest) {
        let Some(subscriber) = &self.subscriber else { return };
        // The consumer's name was part of a subject before.
        let Ok(consumer) = Name::new(consumer) else { return };
        let subject = self.context.subject(Endpoint::ConsumerNext(&self.stream, &consumer));
        let inbox = subscriber.subject().trim_end_matches('*');
        let reply = Subject::from(format!("{inbox}{token}"));
        self.asked = Some(subject.clone());
        self.outgoing.push_back((subject, Some(reply), request.to_json()));
    }

    /// Publishes nothing to a subject, which is an answer in itself.
    pub(super) fn answer(&mut self, subject: Subject) {
        self.outgoing.push_back((subject, None, Bytes::new()));
    }

    /// Sends what waits to be sent, as far as there is room.
    fn send(&mut self, cx: &mut TaskContext<'_>) {
        while let Some((subject, reply, body)) = self.outgoing.front() {
            // A client that is closed is noticed elsewhere; a request that was not sent for another
            // reason is made again when it is not answered, and an answer is asked for again.
            let sent = self.client().try_publish(subject, reply.as_deref(), None, body);
            if matches!(sent, Err(PublishError::BufferFull { .. })) {
                let waker = cx.waker().clone();
                return self.client().shared().inner.borrow_mut().publishers.push(waker);
            }
            self.outgoing.pop_front();
        }
    }

    /// Tells a machine what has happened, one thing at a time. Ready when it may have something to
    /// be done.
    pub(super) fn drive(
        &mut self,
        machine: &mut impl Machine,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Result<(), InboxError>> {
        self.send(cx);
        loop {
            self.heed_events(cx)?;
            let now = self.now();
            if let Some(subscriber) = &mut self.subscriber {
                match Pin::new(&mut *subscriber).poll_next(cx) {
                    Poll::Ready(Some(message)) => {
                        machine.handle_message(now, message);
                        return Poll::Ready(Ok(()));
                    }
                    Poll::Ready(None) => {
                        let reason = subscriber.end_reason();
                        self.unsubscribe();
                        match reason {
                            Some(reason @ EndReason::Refused(_)) => {
                                return Poll::Ready(Err(InboxError::Ended(reason)));
                            }
                            Some(EndReason::Closed) => {
                                return Poll::Ready(Err(InboxError::Closed));
                            }
                            _ => {}
                        }
                        self.lost(machine);
                        return Poll::Ready(Ok(()));
                    }
                    Poll::Pending => {}
                }
            }
            // What lasts only as long as its connection has ended above.
            if self.losses != self.client().shared().losses.get() {
                self.lost(machine);
                return Poll::Ready(Ok(()));
            }
            match self.client().connection_state() {
                State::Closed => return Poll::Ready(Err(InboxError::Closed)),
                State::Connected if !self.connected => {
                    self.connected = true;
                    machine.handle_connected(now);
                    return Poll::Ready(Ok(()));
                }
                _ => {}
            }
            let Some(due) = machine.poll_timeout() else {
                self.timer = None;
                return Poll::Pending;
            };
            if due <= now {
                machine.handle_timeout(now);
                return Poll::Ready(Ok(()));
            }
            if !self.fires(due, now, cx) {
                return Poll::Pending;
            }
        }
    }

    fn lost(&mut self, machine: &mut impl Machine) {
        self.losses = self.client().shared().losses.get();
        self.connected = false;
        machine.handle_disconnected();
    }

    fn heed_events(&mut self, cx: &mut TaskContext<'_>) -> Result<(), InboxError> {
        while let Poll::Ready(event) = Pin::new(&mut self.events).poll_next(cx) {
            match event {
                None => return Ok(()),
                Some(Event::ServerError(
                    error @ ServerError::PermissionsViolation {
                        operation: Operation::Publish, ..
                    },
                )) if self.is_about_request(&error) => return Err(InboxError::Denied(error)),
                Some(_) => {}
            }
        }
        Ok(())
    }

    fn is_about_request(&self, error: &ServerError) -> bool {
        let ServerError::PermissionsViolation { subject, .. } = error else { return false };
        self.asked.as_deref() == Some(&**subject)
    }

    /// Sets the timer. Says whether it has fired.
    fn fires(&mut self, due: Instant, now: Instant, cx: &mut TaskContext<'_>) -> bool {
        // A timer that fires too early only costs a look; setting it anew for each message would
        // cost more.
        if !matches!(&self.timer, Some((at, _)) if *at <= due) {
            let timer = self.client().shared().runtime.platform.sleep(due - now);
            self.timer = Some((due, timer));
        }
        let fired = match &mut self.timer {
            Some((_, timer)) => timer.as_mut().poll(cx).is_ready(),
            None => false,
        };
        if fired {
            self.timer = None;
        }
        fired
    }
}

impl core::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Inbox")
            .field("stream", &self.stream)
            .field("subscriber", &self.subscriber)
            .finish_non_exhaustive()
    }
}
