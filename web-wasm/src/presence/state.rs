//! What a presence and its task share.

use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::cell::{Cell, RefCell};

use nats_proto::connection::EndReason;
use nats_proto::presence::{Channel, ConnectionId, Event, Limits, Roster, Signal, SignalError};
use nats_proto::{Instant, Subject};
use serde_json::Value;

use super::SnapshotsError;
use super::builder::payload;
use crate::client::{Client, State as ClientState};
use crate::event_queue::EventQueue;

/// A channel as it is known, and this tab on it. No borrow of a cell lasts while foreign code runs.
pub(super) struct State {
    pub(super) client: Client,
    pub(super) roster: RefCell<Roster>,
    pub(super) snapshot_error: RefCell<Option<SnapshotsError>>,
    pub(super) end: RefCell<Option<EndReason>>,
    pub(super) events: EventQueue<Event>,
    own: Option<Own>,
    /// Whether the task is to look after things before its time.
    woken: Cell<bool>,
    task: RefCell<Option<Waker>>,
}

/// This tab.
pub(super) struct Own {
    subject: Subject,
    data: RefCell<Value>,
    /// Over which connection it was last said to be there; none after it was said to be gone.
    said: RefCell<Option<ConnectionId>>,
    /// Whether it is not to be there any more, whatever wakes the task.
    left: Cell<bool>,
}

impl Own {
    pub(super) fn new(subject: Subject, data: Value) -> Self {
        Self { subject, data: RefCell::new(data), said: RefCell::default(), left: Cell::default() }
    }
}

impl State {
    pub(super) fn new(client: Client, channel: Channel, ttl: Duration, own: Option<Own>) -> Self {
        Self {
            client,
            roster: RefCell::new(Roster::new(channel, ttl, Limits::default())),
            snapshot_error: RefCell::default(),
            end: RefCell::default(),
            events: EventQueue::default(),
            own,
            woken: Cell::default(),
            task: RefCell::default(),
        }
    }

    pub(super) fn now(&self) -> Instant {
        self.client.shared().runtime.platform.now()
    }

    pub(super) fn is_own(&self) -> bool {
        self.own.is_some()
    }

    pub(super) fn set_data(&self, data: Value) -> Result<(), SignalError> {
        let Some(own) = &self.own else { return Ok(()) };
        let signal = Signal::Here { connection: ConnectionId::default(), data: data.clone() };
        signal.write()?;
        own.data.replace(data);
        self.wake();
        Ok(())
    }

    /// Says that this tab is there, if there is a connection: one that is not there yet is another than
    /// the signal would name.
    pub(super) fn say_here(&self) {
        let Some(own) = &self.own else { return };
        if own.left.get() || self.client.connection_state() != ClientState::Connected {
            return;
        }
        let info = self.client.server_info();
        let connection = ConnectionId { server: info.server_id.into(), client: info.client_id };
        let data = own.data.borrow().clone();
        let signal = Signal::Here { connection: connection.clone(), data };
        // A full outbound buffer takes the next one, perhaps.
        if let Some(payload) = payload(&signal)
            && self.client.try_publish(&own.subject, None, None, &payload).is_ok()
        {
            own.said.replace(Some(connection));
        }
    }

    /// This tab is gone for good.
    pub(super) fn leave(&self) {
        if let Some(own) = &self.own {
            own.left.set(true);
        }
        self.say_gone();
    }

    /// Says that this tab is gone, once. If something wakes it, as when a page is shown again that was
    /// left, it comes back.
    pub(super) fn say_gone(&self) {
        let Some(own) = &self.own else { return };
        let Some(connection) = own.said.take() else { return };
        if self.client.connection_state() == ClientState::Connected
            && let Some(payload) = payload(&Signal::Gone { connection })
        {
            // Otherwise the others find out by themselves.
            self.client.try_publish(&own.subject, None, None, &payload).ok();
        }
    }

    pub(super) fn wake(&self) {
        self.woken.set(true);
        if let Some(task) = self.task.take() {
            task.wake();
        }
    }

    /// Waits for [`wake`](Self::wake).
    pub(super) fn poll_woken(&self, cx: &Context<'_>) -> Poll<()> {
        if self.woken.take() {
            return Poll::Ready(());
        }
        self.task.replace(Some(cx.waker().clone()));
        Poll::Pending
    }

    /// Hands on what happened.
    pub(super) fn tell(&self) {
        loop {
            // In a statement of its own, for its borrow to end with it.
            let event = self.roster.borrow_mut().poll_event();
            let Some(event) = event else { return };
            self.events.push(event);
        }
    }

    pub(super) fn finish(&self, reason: EndReason) {
        self.end.borrow_mut().get_or_insert(reason);
        self.events.close();
    }
}

impl core::fmt::Debug for State {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let roster = self.roster.borrow();
        f.debug_struct("State")
            .field("channel", roster.channel())
            .field("members", &roster.len())
            .field("tab", &self.own.as_ref().map(|own| &own.subject))
            .finish_non_exhaustive()
    }
}
