//! The messages of a subscription, as a stream.

use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use futures_core::Stream;
use nats_proto::connection::EndReason;
use nats_proto::{Message, Subject};

use crate::client::Handle;

/// The messages that wait for a subscriber.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) subject: Subject,
    capacity: usize,
    messages: RefCell<VecDeque<Message>>,
    waker: RefCell<Option<Waker>>,
    dropped: Cell<u64>,
    /// Whether it was full and has not been half empty since.
    slow: Cell<bool>,
    end: RefCell<Option<EndReason>>,
}

/// What became of a message that was queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queued {
    /// It waits to be read.
    Kept,
    /// It was dropped, the first since the queue filled up.
    FirstDropped,
    /// It was dropped like the one before it.
    Dropped,
}

impl Queue {
    pub(crate) fn new(subject: Subject, capacity: usize) -> Self {
        Self {
            subject,
            capacity,
            messages: RefCell::default(),
            waker: RefCell::default(),
            dropped: Cell::default(),
            slow: Cell::default(),
            end: RefCell::default(),
        }
    }

    pub(crate) fn push(&self, message: Message) -> Queued {
        let mut messages = self.messages.borrow_mut();
        if messages.len() >= self.capacity {
            self.dropped.set(self.dropped.get() + 1);
            return if self.slow.replace(true) { Queued::Dropped } else { Queued::FirstDropped };
        }
        messages.push_back(message);
        self.wake();
        Queued::Kept
    }

    pub(crate) fn end(&self, reason: EndReason) {
        self.end.borrow_mut().get_or_insert(reason);
        self.wake();
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        let mut messages = self.messages.borrow_mut();
        if let Some(message) = messages.pop_front() {
            if messages.len() <= self.capacity / 2 {
                self.slow.set(false);
            }
            return Poll::Ready(Some(message));
        }
        if self.end.borrow().is_some() {
            return Poll::Ready(None);
        }
        self.waker.replace(Some(cx.waker().clone()));
        Poll::Pending
    }
}

/// A subscription: a stream of its messages, made by
/// [`Client::subscribe`](crate::Client::subscribe).
///
/// It ends when it is unsubscribed, has had as many messages as it was to have, is refused by
/// the server, or the client is closed; [`end_reason`](Self::end_reason) tells which. A broken
/// connection does not end it: it goes on with the next. Dropping it unsubscribes.
///
/// It holds at most [`ConnectOptions::subscription_capacity`] messages; what comes while it is
/// full is dropped and counted.
///
/// # Cancel safety
/// Reading the stream is cancel safe: a message is either returned or stays.
///
/// [`ConnectOptions::subscription_capacity`]: crate::ConnectOptions::subscription_capacity
#[derive(Debug)]
pub struct Subscriber {
    pub(crate) sid: u64,
    pub(crate) queue: Rc<Queue>,
    pub(crate) handle: Rc<Handle>,
}

impl Subscriber {
    /// What it is subscribed to.
    pub fn subject(&self) -> &Subject {
        &self.queue.subject
    }

    /// How many messages were dropped because the queue was full.
    pub fn dropped(&self) -> u64 {
        self.queue.dropped.get()
    }

    /// Why there will be no more messages than those that wait to be read, if that is so.
    pub fn end_reason(&self) -> Option<EndReason> {
        self.queue.end.borrow().clone()
    }

    /// Unsubscribes at once. What has arrived can still be read; then the stream ends.
    pub fn unsubscribe(&mut self) {
        self.handle.unsubscribe(self.sid, None);
    }

    /// Unsubscribes when `messages` have come in all, counted from the beginning and over all
    /// connections; at once if they have come already.
    pub fn unsubscribe_after(&mut self, messages: u64) {
        self.handle.unsubscribe(self.sid, Some(messages));
    }
}

impl Stream for Subscriber {
    type Item = Message;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.queue.poll_next(cx)
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.handle.forget(self.sid);
    }
}
