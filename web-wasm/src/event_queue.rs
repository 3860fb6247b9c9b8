//! What waits for a listener, of whatever happens.

use core::task::{Context, Poll, Waker};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

/// How many events wait for a listener that does not read them.
const CAPACITY: usize = 1_024;

/// The events of one listener. Up to 1,024 wait; of those beyond only the number is kept.
#[derive(Debug)]
pub(crate) struct EventQueue<E> {
    events: RefCell<VecDeque<E>>,
    waker: RefCell<Option<Waker>>,
    dropped: Cell<u64>,
    closed: Cell<bool>,
}

impl<E> Default for EventQueue<E> {
    fn default() -> Self {
        Self {
            events: RefCell::default(),
            waker: RefCell::default(),
            dropped: Cell::default(),
            closed: Cell::default(),
        }
    }
}

impl<E> EventQueue<E> {
    /// Something happened.
    pub(crate) fn push(&self, event: E) {
        if self.events.borrow().len() < CAPACITY {
            self.events.borrow_mut().push_back(event);
        } else {
            self.dropped.set(self.dropped.get() + 1);
        }
        self.wake();
    }

    /// The last thing happened, which is never dropped.
    pub(crate) fn push_last(&self, event: E) {
        self.events.borrow_mut().push_back(event);
        self.close();
    }

    /// Nothing happens any more. What waits can still be read.
    pub(crate) fn close(&self) {
        self.closed.set(true);
        self.wake();
    }

    /// How many were dropped because nobody read them.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.get()
    }

    /// The next one, or `None` when there is none any more.
    pub(crate) fn poll_next(&self, cx: &Context<'_>) -> Poll<Option<E>> {
        if let Some(event) = self.events.borrow_mut().pop_front() {
            return Poll::Ready(Some(event));
        }
        if self.closed.get() {
            return Poll::Ready(None);
        }
        self.waker.replace(Some(cx.waker().clone()));
        Poll::Pending
    }

    /// No borrow lasts meanwhile: a waker is foreign code.
    fn wake(&self) {
        let waker = self.waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(queue: &EventQueue<u32>) -> Poll<Option<u32>> {
        queue.poll_next(&Context::from_waker(Waker::noop()))
    }

    #[test]
    fn what_has_no_room_is_counted_and_the_last_word_has() {
        let queue = EventQueue::default();
        assert_eq!(read(&queue), Poll::Pending);
        for event in 0..1_030 {
            queue.push(event);
        }
        assert_eq!(queue.dropped(), 6);
        queue.push_last(7_777);
        for event in (0..1_024).chain([7_777]) {
            assert_eq!(read(&queue), Poll::Ready(Some(event)));
        }
        assert_eq!(read(&queue), Poll::Ready(None));
    }

    #[test]
    fn what_waits_can_be_read_after_the_end() {
        let queue = EventQueue::default();
        queue.push(1);
        queue.close();
        assert_eq!(read(&queue), Poll::Ready(Some(1)));
        assert_eq!(read(&queue), Poll::Ready(None));
    }
}
