//! The messages of a subscription, as a stream.

use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use futures_core::Stream;
use nats_proto::connection::EndReason;
use nats_proto::{Message, Subject};

use crate::handle::Handle;

/// What happens to a message for which a subscription has no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// It is dropped.
    #[default]
    DropNewest,
    /// The oldest that wait are dropped for it.
    DropOldest,
    /// It is dropped and the subscription ends, as one with a gap is of no use.
    Close,
}

/// How much a subscription holds for a reader that is slower than its messages come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingLimits {
    /// How many messages.
    pub messages: usize,
    /// How many bytes of headers and payloads.
    pub bytes: usize,
    /// What happens to a message beyond that.
    pub overflow: Overflow,
}

impl Default for PendingLimits {
    /// 65,536 messages and 64 MiB, and the newest are dropped.
    fn default() -> Self {
        Self { messages: 65_536, bytes: 64 << 20, overflow: Overflow::DropNewest }
    }
}

impl PendingLimits {
    /// Whether so much is within the limits. One message always is: else one that is larger than
    /// all the room could never be read.
    fn admit(&self, messages: usize, bytes: usize) -> bool {
        messages <= 1 || (messages <= self.messages && bytes <= self.bytes)
    }
}

/// The messages that wait for a subscriber.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) subject: Subject,
    /// Whether it ends when the connection breaks, instead of going on with the next.
    pub(crate) transient: bool,
    limits: Cell<PendingLimits>,
    messages: RefCell<VecDeque<Message>>,
    bytes: Cell<usize>,
    waker: RefCell<Option<Waker>>,
    dropped: Cell<u64>,
    /// Whether it was full and has not been half empty since.
    slow: Cell<bool>,
    end: RefCell<Option<EndReason>>,
    /// Who waits for the last message to be read.
    finished: RefCell<Vec<Waker>>,
}

/// What became of a message that was queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queued {
    /// It waits to be read, and nothing was dropped.
    Kept,
    /// It or others were dropped, the first since the queue filled up.
    FirstDropped,
    /// It or others were dropped like those before.
    Dropped,
    /// It was dropped, and the subscription is to end.
    Overflowed,
}

impl Queue {
    pub(crate) fn new(subject: Subject, limits: PendingLimits, transient: bool) -> Self {
        Self {
            subject,
            transient,
            limits: Cell::new(limits),
            messages: RefCell::default(),
            bytes: Cell::default(),
            waker: RefCell::default(),
            dropped: Cell::default(),
            slow: Cell::default(),
            end: RefCell::default(),
            finished: RefCell::default(),
        }
    }

    pub(crate) fn push(&self, message: Message) -> Queued {
        let limits = self.limits.get();
        let mut messages = self.messages.borrow_mut();
        let mut dropped = 0;
        if limits.overflow == Overflow::DropOldest {
            while !limits.admit(messages.len() + 1, self.bytes.get() + message.length) {
                let Some(oldest) = messages.pop_front() else { break };
                self.bytes.set(self.bytes.get() - oldest.length);
                dropped += 1;
            }
        }
        if limits.admit(messages.len() + 1, self.bytes.get() + message.length) {
            self.bytes.set(self.bytes.get() + message.length);
            messages.push_back(message);
            self.wake();
        } else {
            dropped += 1;
        }
        self.dropped.set(self.dropped.get() + dropped);
        match dropped {
            0 => Queued::Kept,
            _ if limits.overflow == Overflow::Close => Queued::Overflowed,
            _ if self.slow.replace(true) => Queued::Dropped,
            _ => Queued::FirstDropped,
        }
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.get()
    }

    /// Waits until everything was read and nothing more comes, or nobody reads any more.
    pub(crate) fn poll_finished(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_finished() {
            return Poll::Ready(());
        }
        let mut waiting = self.finished.borrow_mut();
        if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }

    fn is_finished(&self) -> bool {
        self.end.borrow().is_some() && self.messages.borrow().is_empty()
    }

    /// Nobody reads any more.
    fn abandon(&self) {
        self.messages.borrow_mut().clear();
        self.end(EndReason::Unsubscribed);
    }

    pub(crate) fn end(&self, reason: EndReason) {
        self.end.borrow_mut().get_or_insert(reason);
        self.wake();
        self.tell_if_finished();
    }

    fn tell_if_finished(&self) {
        if self.is_finished() {
            for waker in self.finished.take() {
                waker.wake();
            }
        }
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        let mut messages = self.messages.borrow_mut();
        if let Some(message) = messages.pop_front() {
            self.bytes.set(self.bytes.get() - message.length);
            let limits = self.limits.get();
            if messages.len() <= limits.messages / 2 && self.bytes.get() <= limits.bytes / 2 {
                self.slow.set(false);
            }
            drop(messages);
            self.tell_if_finished();
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
/// It ends when it is unsubscribed or drained, has had as many messages as it was to have, is refused by
/// the server, or the client is closed; [`end_reason`](Self::end_reason) tells which. A broken
/// connection does not end it: it goes on with the next. Dropping it unsubscribes.
///
/// It holds as much as its [`PendingLimits`] say; what comes while it is full is dropped and
/// counted, and told once by [`Event::SlowConsumer`](crate::Event::SlowConsumer).
///
/// # Cancel safety
/// Reading the stream is cancel safe: a message is either returned or stays.
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

    /// How many messages wait to be read.
    pub fn pending(&self) -> usize {
        self.queue.messages.borrow().len()
    }

    /// Sets how much the subscription holds from now on; what waits already stays.
    pub fn set_pending_limits(&mut self, limits: PendingLimits) {
        self.queue.limits.set(limits);
    }

    /// Unsubscribes, and ends when what was on its way has arrived and is read. It does not wait:
    /// read the stream to its end.
    pub fn drain(&mut self) {
        self.handle.drain(self.sid);
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
        self.queue.abandon();
        self.handle.forget(self.sid);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn everybody_who_waits_is_told_when_the_last_message_is_read() {
        let queue = Queue::new(Subject::from_static("a"), PendingLimits::default(), false);
        queue.push(Message::default());
        let waiting = [Arc::<Woken>::default(), Arc::<Woken>::default()];
        let wakers = waiting.each_ref().map(|woken| Waker::from(Arc::clone(woken)));
        let wakes = || waiting.each_ref().map(|woken| woken.0.load(Ordering::Relaxed));
        for waker in wakers.iter().chain(&wakers) {
            assert!(queue.poll_finished(&mut Context::from_waker(waker)).is_pending());
        }
        queue.end(EndReason::Drained);
        assert_eq!(wakes(), [0, 0], "there is something to read");
        let cx = &mut Context::from_waker(Waker::noop());
        assert!(matches!(queue.poll_next(cx), Poll::Ready(Some(_))));
        assert_eq!(wakes(), [1, 1]);
        assert!(queue.poll_finished(cx).is_ready());

        let idle = Queue::new(Subject::from_static("a"), PendingLimits::default(), false);
        assert!(idle.poll_finished(&mut Context::from_waker(&wakers[0])).is_pending());
        idle.end(EndReason::Drained);
        assert_eq!(wakes(), [2, 1], "there was nothing to read");
    }
}
