//! The task that sends an outbox's entries, in one tab at a time.

use core::future::{Future, poll_fn};
use core::task::Poll;
use core::time::Duration;
use std::rc::Rc;

use bytes::Bytes;
use futures_channel::{mpsc, oneshot};
use futures_util::{FutureExt, StreamExt};
use nats_proto::jetstream::PublishAck;
use nats_proto::jetstream::response::{self, ResponseError};
use nats_proto::outbox::{Action, Outcome, Queue, Record, Verdict};

use super::event::Event;
use super::inner::{Inner, Signal};
use crate::client::State;
use crate::event::{Event as ClientEvent, Events as ClientEvents};
use crate::platform::LocalBoxFuture;
use crate::request::Request;

/// How long to wait before storage or locks that failed are tried again.
const RETRY: Duration = Duration::from_secs(1);

/// What came of sending an entry, and the stream's word if it has it.
type Sent = (Outcome, Option<PublishAck>);

/// What a task waits for.
enum Happened<T> {
    Signal(Event),
    /// The outbox or the client was closed.
    Closed,
    Client(ClientEvent),
    Other(T),
}

pub(super) struct Sender {
    inner: Rc<Inner>,
    signals: mpsc::UnboundedReceiver<Signal>,
    client_events: ClientEvents,
    /// Told when all is given back: the lock, and what was waited for.
    done: Option<oneshot::Sender<()>>,
}

impl Sender {
    pub(super) fn new(
        inner: Rc<Inner>,
        signals: mpsc::UnboundedReceiver<Signal>,
        done: oneshot::Sender<()>,
    ) -> Self {
        let client_events = inner.client.events();
        Self { inner, signals, client_events, done: Some(done) }
    }

    /// Sends whenever there is a connection and no other tab does, until the outbox is closed. A tab
    /// without a connection leaves it to the others.
    pub(super) async fn run(mut self) {
        while self.is_connected().await {
            let mut lock = self.inner.backing.tabs.lock();
            let lock = loop {
                match self.next(&mut lock).await {
                    Happened::Other(lock) => break Some(lock),
                    Happened::Closed | Happened::Client(ClientEvent::Disconnected { .. }) => {
                        break None;
                    }
                    _ => {}
                }
            };
            match lock {
                Some(Ok(_lock)) => {
                    self.inner.sending.set(true);
                    self.send_while_connected().await;
                    self.inner.sending.set(false);
                    self.inner.in_flight.set(None);
                }
                Some(Err(error)) => {
                    self.inner.hear(Event::TabsFailed(error));
                    self.pause().await;
                }
                None => {}
            }
        }
        // A closed client sends nothing more, but what is published is still stored.
        while let Some(Signal::Happened(_)) = self.signals.next().await {}
        self.inner.close();
        if let Some(done) = self.done.take() {
            done.send(()).ok();
        }
    }

    /// Waits for a connection; false when there will be none.
    async fn is_connected(&mut self) -> bool {
        loop {
            if self.inner.closed.get() {
                self.inner.signal_close();
                return false;
            }
            match self.inner.client.connection_state() {
                State::Connected => return true,
                State::Closed => return false,
                _ => {}
            }
            self.next(&mut core::future::pending::<()>()).await;
        }
    }

    /// Waits for a moment, or for the end.
    async fn pause(&mut self) {
        let mut sleep = self.inner.client.handle.sleep(RETRY);
        while let Happened::Signal(_) | Happened::Client(_) = self.next(&mut sleep).await {}
    }

    async fn next<T>(&mut self, other: &mut (impl Future<Output = T> + Unpin)) -> Happened<T> {
        poll_fn(|cx| {
            if let Poll::Ready(signal) = self.signals.poll_next_unpin(cx) {
                return Poll::Ready(match signal {
                    Some(Signal::Happened(event)) => Happened::Signal(event),
                    Some(Signal::Close) | None => {
                        self.inner.closed.set(true);
                        Happened::Closed
                    }
                });
            }
            if let Poll::Ready(event) = self.client_events.poll_next_unpin(cx) {
                return Poll::Ready(event.map_or(Happened::Closed, Happened::Client));
            }
            other.poll_unpin(cx).map(Happened::Other)
        })
        .await
    }

    /// Sends until the connection breaks or the outbox is closed.
    async fn send_while_connected(&mut self) {
        let inner = Rc::clone(&self.inner);
        let mut queue = Queue::new(inner.options.config.clone());
        queue.set_online(true);
        while !load(&inner, &mut queue).await {
            self.pause().await;
            if inner.closed.get() {
                return;
            }
        }
        inner.announce(Event::Sending);
        let platform = Rc::clone(&inner.client.shared().runtime.platform);
        let mut sending: Option<LocalBoxFuture<'static, Sent>> = None;
        loop {
            while let Some(action) = queue.poll(platform.now(), inner.unix_time()) {
                match action {
                    Action::SetAside { number, reason } => inner.set_aside(number, reason).await,
                    Action::Send { number, sent_since, again } => {
                        let send = send(Rc::clone(&inner), number, sent_since, again);
                        sending = Some(Box::pin(send));
                    }
                }
            }
            inner.in_flight.set(queue.in_flight());
            let wait = queue.poll_timeout(platform.now(), inner.unix_time());
            let mut timer = wait.map(|wait| platform.sleep(wait));
            let mut sent_or_time = poll_fn(|cx| {
                if let Some(Poll::Ready(sent)) = sending.as_mut().map(|sent| sent.poll_unpin(cx)) {
                    return Poll::Ready(Some(sent));
                }
                match timer.as_mut().map(|timer| timer.poll_unpin(cx)) {
                    Some(Poll::Ready(())) => Poll::Ready(None),
                    _ => Poll::Pending,
                }
            });
            match self.next(&mut sent_or_time).await {
                Happened::Closed | Happened::Client(ClientEvent::Disconnected { .. }) => {
                    // It may be known that it was not sent, and so is in no doubt.
                    if let Some(sent) = sending.and_then(FutureExt::now_or_never) {
                        settle(&inner, &mut queue, sent).await;
                    }
                    return;
                }
                // The answer will hardly come over the new connection.
                Happened::Client(ClientEvent::HandedOver { broke: Some(_), .. })
                    if sending.is_some() =>
                {
                    sending = None;
                    settle(&inner, &mut queue, (Outcome::Lost, None)).await;
                }
                Happened::Signal(event) => {
                    if !follow(&inner, &mut queue, &event).await {
                        return;
                    }
                }
                Happened::Other(Some(sent)) => {
                    sending = None;
                    settle(&inner, &mut queue, sent).await;
                }
                Happened::Client(_) | Happened::Other(None) => {}
            }
        }
    }
}

/// Reads all entries; false if that failed.
async fn load(inner: &Rc<Inner>, queue: &mut Queue) -> bool {
    match inner.backing.storage.list().await {
        Ok(entries) => {
            for (number, bytes) in entries {
                insert(inner, queue, number, bytes);
            }
            true
        }
        Err(error) => {
            inner.hear(Event::StorageFailed(error));
            false
        }
    }
}

fn insert(inner: &Rc<Inner>, queue: &mut Queue, number: u64, bytes: Vec<u8>) {
    match Record::decode(&Bytes::from(bytes)) {
        Ok(Record { set_aside: Some(reason), .. }) => queue.insert_set_aside(number, &reason),
        Ok(record) => queue.insert(number, record.made_at, record.sent_since),
        Err(error) => inner.hear(Event::Corrupt { number, error }),
    }
}

/// Takes over what others did with the entries; false if that failed, and all must be read anew.
async fn follow(inner: &Rc<Inner>, queue: &mut Queue, event: &Event) -> bool {
    match event {
        Event::Queued { number } | Event::Retried { number } => {
            match inner.backing.storage.get(*number).await {
                Ok(Some(bytes)) => insert(inner, queue, *number, bytes),
                Ok(None) => {}
                Err(error) => {
                    inner.hear(Event::StorageFailed(error));
                    return false;
                }
            }
        }
        Event::Removed { number } if queue.in_flight() != Some(*number) => queue.remove(*number),
        // The one on its way finds nothing to send, or to delete.
        Event::Cleared => queue.clear(),
        _ => {}
    }
    true
}

/// Stores what came of the entry on its way, and tells it.
async fn settle(inner: &Rc<Inner>, queue: &mut Queue, (outcome, ack): Sent) {
    let now = inner.client.shared().runtime.platform.now();
    let Some((number, verdict)) = queue.handle_outcome(now, outcome) else { return };
    inner.in_flight.set(None);
    match verdict {
        Verdict::Done => {
            let Some(ack) = ack else { return };
            // Were it not deleted it would be sent again after a reload, with the same id.
            if let Err(error) = inner.backing.storage.remove(number).await {
                inner.hear(Event::StorageFailed(error));
            }
            inner.announce(Event::Acknowledged { number, ack });
        }
        Verdict::SetAside(reason) => inner.set_aside(number, reason).await,
        Verdict::Again => {
            let sent_since = queue.sent_since(number);
            let forget = |record: &mut Record| {
                let changed = record.sent_since != sent_since;
                record.sent_since = sent_since;
                changed
            };
            if let Err(error) = inner.change(number, forget).await {
                inner.hear(Event::StorageFailed(error));
            }
        }
    }
}

/// Sends an entry once, having stored that it may be.
async fn send(inner: Rc<Inner>, number: u64, sent_since: Duration, again: bool) -> Sent {
    let mut was_there = false;
    let note = |record: &mut Record| {
        was_there = record.set_aside.is_none();
        record.sent_since = Some(sent_since);
        was_there
    };
    let record = match inner.change(number, note).await {
        Ok(Some(record)) => record,
        Ok(None) => return (Outcome::Gone, None),
        Err(error) => {
            inner.hear(Event::StorageFailed(error));
            return (Outcome::NotSent, None);
        }
    };
    if again {
        // Copies of before that still wait here arrive before the answer, and so in time.
        let flushed = inner.client.flush().await;
        // The answer may have come so late, or the machine slept so long, that this copy would not.
        let in_time = inner.options.config.is_stored_once(sent_since, inner.unix_time());
        if flushed.is_err() || !in_time {
            return (Outcome::NotSent, None);
        }
    }
    let headers = match record.headers_to_send() {
        Ok(headers) => headers,
        Err(error) => return (Outcome::Unsendable(error.to_string()), None),
    };
    let timeout = inner.options.config.ack_timeout;
    // A copy that waited for a later connection could come when the stream has forgotten its id, and
    // another tab has long had the entry stored.
    let request =
        Request::new().payload(record.payload).headers(headers).timeout(timeout).now_or_never();
    let answer = match inner.client.start_request(&record.subject, &request) {
        Ok(answer) => answer.await,
        Err(error) => Err(error),
    };
    match answer {
        Ok(message) => match response::parse::<PublishAck>(&message.payload) {
            Ok(ack) => (Outcome::Stored, Some(ack)),
            Err(ResponseError::Api(error)) => (Outcome::Refused(error), None),
            Err(error) => (Outcome::Malformed(error.to_string()), None),
        },
        Err(error) => (outcome(&error), None),
    }
}

fn outcome(error: &crate::RequestError) -> Outcome {
    use crate::{PublishError, RequestError};
    match error {
        RequestError::NoResponders => Outcome::NoResponders,
        RequestError::TimedOut { .. } => Outcome::Lost,
        RequestError::Publish(
            PublishError::BufferFull { .. } | PublishError::NotConnected | PublishError::Closed,
        ) => Outcome::NotSent,
        RequestError::Publish(error) => Outcome::Unsendable(error.to_string()),
        RequestError::Denied(_) => Outcome::Unsendable(error.to_string()),
        _ => Outcome::Lost,
    }
}
