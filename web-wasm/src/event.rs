//! What happens to a connection, as a stream.

use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::rc::Rc;

use futures_core::Stream;
use nats_proto::connection::{DisconnectReason, Interrupted};
use nats_proto::jetstream::DateTime;
use nats_proto::jetstream::recovery::Verdict;
use nats_proto::{ServerAddr, ServerError, Subject};

use crate::event_queue::EventQueue;

/// Something that happened to a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A server let the client in and every subscription is in place.
    Connected {
        /// The address that was dialled.
        server: ServerAddr,
        /// The name that the server gives itself.
        server_name: String,
    },
    /// A connection that was there is over.
    Disconnected {
        /// Why.
        reason: DisconnectReason,
        /// How many messages were handed to the browser without the server's confirmation. They
        /// may have arrived or not, and are not sent again.
        unconfirmed: u64,
    },
    /// An attempt at a connection failed.
    ConnectFailed {
        /// The address that was dialled.
        server: ServerAddr,
        /// Why.
        reason: DisconnectReason,
    },
    /// A server is about to be dialled.
    Connecting {
        /// The address.
        server: ServerAddr,
        /// How long the client waits first.
        wait: Duration,
        /// Which attempt it is since the last connection, from 1.
        attempt: u32,
    },
    /// Another connection has taken the place of the one before, as a server was about to stop or a
    /// credential to expire. Every subscription went on meanwhile.
    HandedOver {
        /// The address that was dialled.
        server: ServerAddr,
        /// The name that the server gives itself.
        server_name: String,
        /// Why the connection before broke off, if it did so before it was left: then messages
        /// that were on their way over it may be lost.
        broke: Option<DisconnectReason>,
        /// How many messages were handed to it without the server's confirmation; none unless it
        /// broke off.
        unconfirmed: u64,
    },
    /// Messages may have been missed between two moments. It is over when this comes, after the
    /// [`Connected`](Self::Connected) or [`HandedOver`](Self::HandedOver) that ended it, or a
    /// [`HandoverFailed`](Self::HandoverFailed). Outside such gaps nothing is missed but by
    /// [slow consumers](Self::SlowConsumer), and where a cluster [falls apart](Self::ServersChanged); a
    /// handover leaves none unless a connection broke off on the way.
    ///
    /// Times are this machine's. They hold over its sleep, and are as good as its clock.
    Gap {
        /// What was published until then has come: a second before the last question to the server
        /// that it has answered, as far back as
        /// [`ConnectOptions::ping_interval`](crate::ConnectOptions::ping_interval) at most while all
        /// was well.
        from: DateTime,
        /// When anything came from the server for the last time. The gap as a person would see it
        /// begins here.
        last_heard: DateTime,
        /// What is published from then on comes. In a cluster this is a second after the connection is
        /// there.
        to: DateTime,
        /// The subscriptions that may have missed something, oldest first: those that were there before
        /// and still are. Members of a queue group are among them, though others may have had their
        /// messages.
        subscriptions: Vec<Interrupted>,
    },
    /// A [recovering subscription](crate::jetstream::RecoveringSubscriber) was interrupted and goes
    /// on: with what it has missed, or without, and why. Comes when the last message that was missed is
    /// read, or when it is known that some will not come.
    Recovery {
        /// What it is subscribed to.
        subject: Subject,
        /// What came of it.
        verdict: Verdict,
    },
    /// The connection was to be replaced by another one, which did not come to be. It goes on, and
    /// the client tries again.
    HandoverFailed {
        /// The address that was dialled.
        server: ServerAddr,
        /// Why.
        reason: DisconnectReason,
    },
    /// The server is about to stop. The client moves if it knows another.
    LameDuckMode,
    /// The client is being drained: its subscriptions end, and then it closes.
    Draining,
    /// The cluster has changed: some servers have joined it or left it, as the present one sees it.
    ///
    /// Where one leaves without a word, what was published there for others may be lost, and what was
    /// published elsewhere does not reach it: a plain subscription is told of no gap then, since its own
    /// connection goes on. `connect_urls` of [`Client::server_info`](crate::Client::server_info) are
    /// those that are left.
    ServersChanged,
    /// A subscription's queue is full, and messages for it are dropped. Told once until it is
    /// half empty again; [`Subscriber::dropped`](crate::Subscriber::dropped) goes on counting.
    SlowConsumer {
        /// The subscription.
        sid: u64,
        /// What it is subscribed to.
        subject: Subject,
        /// How many messages it has lost so far.
        dropped: u64,
    },
    /// The server said that something went wrong. If it belongs to a subscription, that one
    /// ends; if to a request, that one fails.
    ServerError(ServerError),
    /// The client is closed, and nothing more happens.
    Closed {
        /// Why: the caller's wish, or what the last attempt failed of.
        reason: DisconnectReason,
        /// How many messages were never handed to the browser.
        discarded: u64,
    },
}

/// The events of a connection from the moment that the stream was made; ends after
/// [`Event::Closed`], and at once if that was before.
///
/// Up to 1,024 wait to be read; of what comes beyond that only the number is kept.
#[derive(Debug)]
pub struct Events {
    pub(crate) queue: Rc<EventQueue<Event>>,
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
