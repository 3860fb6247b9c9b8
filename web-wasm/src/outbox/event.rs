//! What happens in an outbox, as a stream.

use core::pin::Pin;
use core::task::{Context, Poll};
use std::rc::Rc;

use futures_core::Stream;
use nats_proto::jetstream::PublishAck;
use nats_proto::outbox::{RecordError, SetAside};
use serde::{Deserialize, Serialize};

use super::error::{StorageError, TabsError};
use crate::event_queue::EventQueue;

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

/// The events of an outbox from the moment that the stream was made; ends when the outbox is closed.
///
/// Up to 1,024 wait to be read; of what comes beyond that only the number is kept.
#[derive(Debug)]
pub struct Events {
    pub(super) queue: Rc<EventQueue<Event>>,
}

impl Events {
    /// How many events were dropped because nobody read the stream.
    pub fn dropped(&self) -> u64 {
        self.queue.dropped()
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.queue.poll_next(cx)
    }
}
