//! Requests with many answers.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use bytes::Bytes;
use futures_core::Stream;
use nats_proto::connection::{RequestError, RequestId, Response};
use nats_proto::{HeaderMap, Message};

use crate::handle::Handle;
use crate::platform::LocalBoxFuture;
use crate::request::Request;

/// A request that may have many answers, and when there have been enough.
///
/// Whatever else is set, it ends after [`max_wait`](Self::max_wait). Source: ADR-47.
#[derive(Default)]
pub struct RequestMany {
    pub(crate) request: Request,
    pub(crate) until: Until,
}

/// What ends a stream of answers before its time is up.
#[derive(Default)]
pub(crate) struct Until {
    max_messages: Option<usize>,
    stall: Option<Duration>,
    sentinel: Option<Sentinel>,
}

/// Says whether an answer is the last.
type Sentinel = Box<dyn Fn(&Message) -> bool>;

impl RequestMany {
    /// An empty request that ends only by time: after the client's request timeout.
    pub fn new() -> Self {
        Self::default()
    }

    /// The body.
    #[must_use]
    pub fn payload(mut self, payload: Bytes) -> Self {
        self.request = self.request.payload(payload);
        self
    }

    /// The headers.
    #[must_use]
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        self.request = self.request.headers(headers);
        self
    }

    /// How long to wait for answers in all. Default: the client's request timeout.
    #[must_use]
    pub fn max_wait(mut self, max_wait: Duration) -> Self {
        self.request = self.request.timeout(max_wait);
        self
    }

    /// Where the answers go, as in [`Request::inbox`].
    #[must_use]
    pub fn inbox(mut self, inbox: impl Into<String>) -> Self {
        self.request = self.request.inbox(inbox);
        self
    }

    /// How many answers are enough; at least one is waited for.
    #[must_use]
    pub fn max_messages(mut self, messages: usize) -> Self {
        self.until.max_messages = Some(messages);
        self
    }

    /// How long to wait for another answer after each.
    #[must_use]
    pub fn stall_wait(mut self, stall: Duration) -> Self {
        self.until.stall = Some(stall);
        self
    }

    /// Which answer is the last; it is still delivered.
    #[must_use]
    pub fn sentinel(mut self, is_last: impl Fn(&Message) -> bool + 'static) -> Self {
        self.until.sentinel = Some(Box::new(is_last));
        self
    }
}

impl fmt::Debug for RequestMany {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestMany")
            .field("request", &self.request)
            .field("max_messages", &self.until.max_messages)
            .field("stall", &self.until.stall)
            .finish_non_exhaustive()
    }
}

/// Answers that wait to be read.
#[derive(Debug)]
pub(crate) struct ResponseQueue {
    answers: RefCell<VecDeque<Response>>,
    capacity: usize,
    dropped: Cell<u64>,
    waker: RefCell<Option<Waker>>,
}

impl ResponseQueue {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            answers: RefCell::default(),
            capacity: capacity.max(1),
            dropped: Cell::new(0),
            waker: RefCell::default(),
        }
    }

    pub(crate) fn push(&self, answer: Response) {
        let mut answers = self.answers.borrow_mut();
        // An error is the last word and always has room.
        if answers.len() < self.capacity || answer.is_err() {
            answers.push_back(answer);
        } else {
            self.dropped.set(self.dropped.get() + 1);
        }
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// The answers to a [`RequestMany`], as a stream.
///
/// It ends when there have been enough, without an error; or with an error as its last item:
/// nobody listens, the credential does not allow it, or the client was closed. Dropping it ends
/// the request.
///
/// It holds as many answers as a subscription holds messages; what comes while it is full is
/// dropped and counted.
///
/// # Cancel safety
/// Reading the stream is cancel safe: an answer is either returned or stays.
pub struct Responses {
    pub(crate) id: RequestId,
    pub(crate) handle: Rc<Handle>,
    pub(crate) queue: Rc<ResponseQueue>,
    pub(crate) until: Until,
    pub(crate) received: usize,
    pub(crate) stalled: Option<LocalBoxFuture<'static, ()>>,
    pub(crate) ended: bool,
}

impl Responses {
    /// How many answers were dropped because nobody read them in time.
    pub fn dropped(&self) -> u64 {
        self.queue.dropped.get()
    }

    fn end(&mut self) {
        self.ended = true;
        self.stalled = None;
        self.handle.cancel(self.id);
    }

    /// Whether `message` is the last that is wanted.
    fn is_enough(&self, message: &Message) -> bool {
        self.until.max_messages.is_some_and(|max| self.received >= max)
            || self.until.sentinel.as_ref().is_some_and(|is_last| is_last(message))
    }
}

impl Stream for Responses {
    type Item = Response;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Response>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let answer = self.queue.answers.borrow_mut().pop_front();
        match answer {
            Some(Ok(message)) => {
                self.received += 1;
                if self.is_enough(&message) {
                    self.end();
                } else if let Some(stall) = self.until.stall {
                    self.stalled = Some(self.handle.sleep(stall));
                }
                Poll::Ready(Some(Ok(message)))
            }
            Some(Err(error)) => {
                self.end();
                // Time is how it is meant to end.
                let timed_out = matches!(error, RequestError::TimedOut { .. });
                Poll::Ready((!timed_out).then_some(Err(error)))
            }
            None => {
                self.queue.waker.replace(Some(cx.waker().clone()));
                match self.stalled.as_mut().map(|stalled| stalled.as_mut().poll(cx)) {
                    Some(Poll::Ready(())) => {
                        self.end();
                        Poll::Ready(None)
                    }
                    _ => Poll::Pending,
                }
            }
        }
    }
}

impl Drop for Responses {
    fn drop(&mut self) {
        self.handle.cancel(self.id);
    }
}

impl fmt::Debug for Responses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responses")
            .field("received", &self.received)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
