//! What happens in an outbox, as a stream.

use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use futures_core::Stream;
use nats_proto::jetstream::PublishAck;
use nats_proto::outbox::{RecordError, SetAside};
use serde::{Deserialize, Serialize};

use super::error::{StorageError, TabsError};

/// How many events wait for a listener that does not read them.
const CAPACITY: usize = 1_024;

/// Something that happened in an outbox, in this tab or another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Event {
    /// An entry was stored.
    Queued {
        /// Its number.
        number: u64,
    },
    /// A stream has an entry, which is in the outbox no more.
    Acknowledged {
        /// Its number.
        number: u64,
        /// The stream's word.
        ack: PublishAck,
    },
    /// An entry is sent no more, and kept.
    SetAside {
        /// Its number.
        number: u64,
        /// Why.
        reason: SetAside,
    },
    /// An entry that was set aside is sent again.
    Retried {
        /// Its number.
        number: u64,
    },
    /// Somebody removed an entry.
    Removed {
        /// Its number.
        number: u64,
    },
    /// Somebody removed all entries.
    Cleared,
    /// Another tab than before sends, or the same over another connection.
    Sending,
    /// A stored entry can't be read. It is kept, and the others are sent. Told by the tab that sends.
    #[serde(skip)]
    Corrupt {
        /// Its number.
        number: u64,
        /// What is wrong with it.
        error: RecordError,
    },
    /// Entries could not be read or stored, and it is tried again. Told by the tab that sends.
    #[serde(skip)]
    StorageFailed(StorageError),
    /// This tab can't become the one that sends, and tries again.
    #[serde(skip)]
    TabsFailed(TabsError),
}

#[derive(Debug, Default)]
pub(super) struct EventQueue {
    events: RefCell<VecDeque<Event>>,
    waker: RefCell<Option<Waker>>,
    dropped: Cell<u64>,
    closed: Cell<bool>,
}

impl EventQueue {
    pub(super) fn push(&self, event: Event) {
        let mut events = self.events.borrow_mut();
        if events.len() < CAPACITY {
            events.push_back(event);
        } else {
            self.dropped.set(self.dropped.get() + 1);
        }
        self.wake();
    }

    pub(super) fn close(&self) {
        self.closed.set(true);
        self.wake();
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// The events of an outbox from the moment that the stream was made; ends when the outbox is closed.
///
/// Up to 1,024 wait to be read; of what comes beyond that only the number is kept.
#[derive(Debug)]
pub struct Events {
    pub(super) queue: Rc<EventQueue>,
}

impl Events {
    /// How many events were dropped because nobody read the stream.
    pub fn dropped(&self) -> u64 {
        self.queue.dropped.get()
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        match self.queue.events.borrow_mut().pop_front() {
            Some(event) => Poll::Ready(Some(event)),
            None if self.queue.closed.get() => Poll::Ready(None),
            None => {
                self.queue.waker.replace(Some(cx.waker().clone()));
                Poll::Pending
            }
        }
    }
}
