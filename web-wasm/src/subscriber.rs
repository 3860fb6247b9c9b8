//! The messages of a subscription, as a stream.

use core::pin::Pin;
use core::task::{Context, Poll};
use std::rc::Rc;

use futures_core::Stream;
use nats_proto::connection::EndReason;
use nats_proto::{Message, Subject};

use crate::arrivals::{Arrivals, Pace};
use crate::handle::Handle;
use crate::queue::Queue;

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
    pub(crate) fn admit(&self, messages: usize, bytes: usize) -> bool {
        messages <= 1 || (messages <= self.messages && bytes <= self.bytes)
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
        self.queue.dropped()
    }

    /// Why there will be no more messages than those that wait to be read, if that is so.
    pub fn end_reason(&self) -> Option<EndReason> {
        self.queue.end_reason()
    }

    /// How many messages wait to be read.
    pub fn pending(&self) -> usize {
        self.queue.len()
    }

    /// Sets how much the subscription holds from now on; what waits already stays.
    pub fn set_pending_limits(&mut self, limits: PendingLimits) {
        self.queue.set_limits(limits);
    }

    /// Has the messages handed to `handler` instead of being read from the stream: in the same turn
    /// of the event loop in which they came, without a task to be woken, which is the fastest way.
    /// From then on the stream only tells, by ending, that there will be no more.
    ///
    /// The handler is called with all that wait, and again if it leaves some; if it takes none of
    /// them, when more come. It may use the client, and drop this subscriber, which ends it. What it
    /// holds is let go of with the subscriber, or when another handler takes its place.
    ///
    /// ```no_run
    /// # async fn example(client: web_wasm::Client) -> Result<(), Box<dyn core::error::Error>> {
    /// use futures_util::StreamExt;
    /// use web_wasm::Pace;
    ///
    /// let mut ticks = client.subscribe("ticks.>").await?;
    /// let mut bytes = 0;
    /// ticks.handle_with(move |messages| {
    ///     bytes += messages.map(|message| message.payload.len()).sum::<usize>();
    ///     Pace::Continue
    /// });
    /// while ticks.next().await.is_some() {}
    /// println!("no more ticks: {:?}", ticks.end_reason());
    /// # Ok(())
    /// # }
    /// ```
    pub fn handle_with(&mut self, handler: impl FnMut(&mut Arrivals<'_>) -> Pace + 'static) {
        self.queue.set_handler(Box::new(handler));
        let shared = Rc::clone(&self.handle.shared);
        shared.inner.borrow_mut().ask_to_hand_over(&self.queue);
        // Not by the driver, which is gone when the client is closed.
        let platform = Rc::clone(&shared.runtime.platform);
        platform.spawn(Box::pin(async move { shared.hand_over() }));
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
