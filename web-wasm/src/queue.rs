//! The messages that wait for a subscriber.

use core::task::{Context, Poll, Waker};
use std::cell::{Cell, RefCell};

use nats_proto::connection::EndReason;
use nats_proto::{Message, Run, Subject};

use crate::arrivals::{Arrivals, Handler, Pace};
use crate::pending::Pending;
use crate::platform::LocalBoxFuture;
use crate::subscriber::{Overflow, PendingLimits};

/// The messages that wait for a subscriber.
pub(crate) struct Queue {
    pub(crate) subject: Subject,
    /// Whether it ends when the connection breaks, instead of going on with the next.
    pub(crate) transient: bool,
    limits: Cell<PendingLimits>,
    pending: RefCell<Pending>,
    waker: RefCell<Option<Waker>>,
    dropped: Cell<u64>,
    /// Whether it was full and has not been half empty since.
    slow: Cell<bool>,
    end: RefCell<Option<EndReason>>,
    /// Who waits for the last message to be read.
    finished: RefCell<Vec<Waker>>,
    reader: Cell<Reader>,
    /// Whether somebody has been asked to call the handler.
    asked: Cell<bool>,
    /// What is called with the messages, except while it is.
    handler: RefCell<Option<Handler>>,
}

/// Who takes the messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Reader {
    /// Whoever polls the stream.
    #[default]
    Stream,
    /// A handler.
    Handler,
    /// A handler, when it is through with what it has.
    BusyHandler,
    /// Nobody any more.
    Nobody,
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
            pending: RefCell::default(),
            waker: RefCell::default(),
            dropped: Cell::default(),
            slow: Cell::default(),
            end: RefCell::default(),
            finished: RefCell::default(),
            reader: Cell::default(),
            asked: Cell::default(),
            handler: RefCell::default(),
        }
    }

    /// From now on the messages are handed to this.
    pub(crate) fn set_handler(&self, handler: Handler) {
        self.handler.replace(Some(handler));
        self.reader.set(Reader::Handler);
    }

    /// Whether [`Self::hand_over`] is to be called, and has not been asked for yet.
    pub(crate) fn ask_for_handing_over(&self) -> bool {
        self.reader.get() == Reader::Handler && !self.asked.replace(true)
    }

    /// Calls the handler with what waits, until that is nothing or it asks for time; then that is
    /// to be waited for before [`Self::resume`] is called. No cell is borrowed meanwhile: the handler
    /// may do whatever it wants.
    pub(crate) fn hand_over(&self) -> Option<LocalBoxFuture<'static, ()>> {
        self.asked.set(false);
        while self.reader.get() == Reader::Handler && self.len() > 0 {
            let mut handler = self.handler.take()?;
            let mut arrivals = Arrivals::new(self);
            let pace = handler(&mut arrivals);
            let idle = arrivals.taken() == 0;
            // It may have been replaced meanwhile, or nobody wants it any more.
            if self.reader.get() == Reader::Handler {
                self.handler.borrow_mut().get_or_insert(handler);
            }
            match pace {
                Pace::After(busy) if self.reader.get() == Reader::Handler => {
                    self.reader.set(Reader::BusyHandler);
                    return Some(busy);
                }
                Pace::Continue if idle => break,
                _ => {}
            }
        }
        None
    }

    /// The handler has had its time.
    pub(crate) fn resume(&self) {
        if self.reader.get() == Reader::BusyHandler {
            self.reader.set(Reader::Handler);
        }
    }

    pub(crate) fn push(&self, message: Message) -> Queued {
        let limits = self.limits.get();
        let mut pending = self.pending.borrow_mut();
        let mut dropped = 0;
        if limits.overflow == Overflow::DropOldest {
            while !limits.admit(pending.messages() + 1, pending.bytes() + message.length) {
                if !pending.drop_oldest() {
                    break;
                }
                dropped += 1;
            }
        }
        if limits.admit(pending.messages() + 1, pending.bytes() + message.length) {
            pending.push(message);
            self.tell_reader();
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

    /// Queues messages if there is room for all of them; else they are given back.
    pub(crate) fn push_run(&self, run: Run) -> Result<(), Run> {
        let mut pending = self.pending.borrow_mut();
        let (messages, bytes) = (pending.messages() + run.len(), pending.bytes() + run.length());
        if !self.limits.get().admit(messages, bytes) {
            return Err(run);
        }
        pending.push_run(run);
        self.tell_reader();
        Ok(())
    }

    /// There is something to read.
    fn tell_reader(&self) {
        // Who waits beside a handler waits for the end.
        if self.reader.get() == Reader::Stream {
            self.wake();
        }
    }

    /// How many messages were dropped for want of room.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.get()
    }

    /// How many messages wait.
    pub(crate) fn len(&self) -> usize {
        self.pending.borrow().messages()
    }

    /// Why there will be no more messages than those that wait, if that is so.
    pub(crate) fn end_reason(&self) -> Option<EndReason> {
        self.end.borrow().clone()
    }

    pub(crate) fn set_limits(&self, limits: PendingLimits) {
        self.limits.set(limits);
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
        self.end.borrow().is_some() && self.len() == 0
    }

    /// Nobody reads any more.
    pub(crate) fn abandon(&self) {
        self.reader.set(Reader::Nobody);
        // Each of them may hold what lets go of other things when it is dropped.
        drop(self.handler.take());
        drop(self.pending.take());
        self.end(EndReason::Unsubscribed);
    }

    pub(crate) fn end(&self, reason: EndReason) {
        self.end.borrow_mut().get_or_insert(reason);
        self.wake();
        self.tell_if_finished();
    }

    fn tell_if_finished(&self) {
        if self.is_finished() {
            self.wake();
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

    /// The oldest message.
    pub(crate) fn pop(&self) -> Option<Message> {
        self.take(Pending::pop)
    }

    /// The oldest messages, if they came together.
    pub(crate) fn pop_run(&self) -> Option<Run> {
        self.take(Pending::pop_run)
    }

    #[inline]
    fn take<T>(&self, oldest: impl FnOnce(&mut Pending) -> Option<T>) -> Option<T> {
        let mut pending = self.pending.borrow_mut();
        let taken = oldest(&mut pending)?;
        if self.slow.get() {
            let limits = self.limits.get();
            let (messages, bytes) = (pending.messages(), pending.bytes());
            self.slow.set(messages > limits.messages / 2 || bytes > limits.bytes / 2);
        }
        let is_last = pending.messages() == 0;
        drop(pending);
        if is_last {
            self.tell_if_finished();
        }
        Some(taken)
    }

    pub(crate) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        if self.reader.get() == Reader::Stream
            && let Some(message) = self.pop()
        {
            return Poll::Ready(Some(message));
        }
        if self.is_finished() {
            return Poll::Ready(None);
        }
        self.waker.replace(Some(cx.waker().clone()));
        Poll::Pending
    }
}

impl core::fmt::Debug for Queue {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Queue").field("subject", &self.subject).finish_non_exhaustive()
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
