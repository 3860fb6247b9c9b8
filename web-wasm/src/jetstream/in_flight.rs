//! How many messages wait for their confirmation.

use core::future::poll_fn;
use core::task::{Context, Poll, Waker};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

/// Room for so many messages that wait for their confirmation, and those who wait for room.
#[derive(Debug)]
pub(crate) struct InFlight {
    free: Cell<usize>,
    capacity: usize,
    waiting: RefCell<VecDeque<Waker>>,
}

/// The room of one message, which dropping it gives back.
#[derive(Debug)]
pub(crate) struct Permit(Rc<InFlight>);

impl InFlight {
    pub(crate) fn new(capacity: usize) -> Rc<Self> {
        let capacity = capacity.max(1);
        Rc::new(Self { free: Cell::new(capacity), capacity, waiting: RefCell::default() })
    }

    pub(crate) fn try_acquire(self: &Rc<Self>) -> Option<Permit> {
        let rest = self.free.get().checked_sub(1)?;
        self.free.set(rest);
        Some(Permit(Rc::clone(self)))
    }

    pub(crate) async fn acquire(self: &Rc<Self>) -> Permit {
        poll_fn(|cx| match self.try_acquire() {
            Some(permit) => Poll::Ready(permit),
            None => self.wait(cx),
        })
        .await
    }

    /// Waits until nothing is in flight.
    pub(crate) async fn idle(&self) {
        poll_fn(|cx| match self.free.get() {
            free if free == self.capacity => Poll::Ready(()),
            _ => self.wait(cx),
        })
        .await;
    }

    fn wait<T>(&self, cx: &Context<'_>) -> Poll<T> {
        self.waiting.borrow_mut().push_back(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Self(in_flight) = self;
        in_flight.free.set(in_flight.free.get() + 1);
        // All are woken, as some may have gone: then nobody would take their turn.
        for waker in in_flight.waiting.take() {
            waker.wake();
        }
    }
}
