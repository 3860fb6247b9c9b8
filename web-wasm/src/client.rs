//! The handle on a connection.

use core::future::poll_fn;
use core::task::{Poll, ready};
use core::time::Duration;
use std::rc::Rc;

use bytes::Bytes;
use futures_channel::oneshot;
use futures_util::future::{Either, select};
use nats_proto::connection::{
    FlushError, PublishError, RequestError, RequestId, Statistics, SubscribeError,
};
use nats_proto::{
    Connection, HeaderMap, Message, ServerAddr, ServerInfo, Subject, subject::validate_publish,
};

use crate::driver::Driver;
use crate::error::ConnectError;
use crate::event::{Event, Events};
use crate::options::ConnectOptions;
use crate::platform::{LocalBoxFuture, Runtime};
use crate::responses::{RequestMany, ResponseQueue, Responses};
use crate::shared::{Answers, Shared};
use crate::subscriber::{Queue, Subscriber};

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It has never been there yet.
    Pending,
    /// A server has let the client in.
    Connected,
    /// It was there, and is being made again.
    Disconnected,
    /// It was closed, or gave up, for good.
    Closed,
}

/// A connection to NATS. Cloning it is cheap; all clones are the same connection.
///
/// The connection closes when the last clone and the last [`Subscriber`] are dropped; messages
/// still waiting are then given up, so [`close`](Self::close) it where they matter.
#[derive(Clone, Debug)]
pub struct Client {
    handle: Rc<Handle>,
}

/// Keeps the connection open as long as anybody holds it.
pub(crate) struct Handle {
    shared: Rc<Shared>,
}

impl Client {
    pub(crate) async fn connect(
        options: ConnectOptions,
        runtime: Runtime,
        addrs: Vec<ServerAddr>,
    ) -> Result<Self, ConnectError> {
        if addrs.is_empty() {
            return Err(ConnectError::NoServers);
        }
        validate_publish(&options.config.inbox_prefix).map_err(ConnectError::InvalidInboxPrefix)?;
        let connection = Connection::new(options.config.clone(), runtime.platform.entropy()?);
        let seed = runtime.platform.entropy()?;
        let wait = !options.retry_on_initial_connect;
        let shared = Rc::new(Shared::new(options, runtime.clone(), connection));
        let client = Self { handle: Rc::new(Handle { shared: Rc::clone(&shared) }) };
        let (driver, connected) = Driver::new(shared, addrs, seed);
        runtime.platform.spawn(Box::pin(driver));
        if wait {
            connected.await.unwrap_or(Err(ConnectError::Closed))?;
        }
        Ok(client)
    }

    /// Publishes a message. It is sent at once if the server is there, else as soon as it is.
    ///
    /// While the outbound buffer is full this waits for room, however long the server stays
    /// away; [`try_publish`](Self::try_publish) does not wait.
    ///
    /// # Errors
    /// [`PublishError`], all but `BufferFull`.
    ///
    /// # Cancel safety
    /// If the future is dropped before it is ready, the message is not sent.
    pub async fn publish(
        &self,
        subject: impl Into<Subject>,
        payload: Bytes,
    ) -> Result<(), PublishError> {
        self.publish_message(subject.into(), None, None, payload).await
    }

    /// Publishes a message with headers; else as [`publish`](Self::publish).
    ///
    /// # Errors
    /// [`PublishError`], all but `BufferFull`.
    ///
    /// # Cancel safety
    /// If the future is dropped before it is ready, the message is not sent.
    pub async fn publish_with_headers(
        &self,
        subject: impl Into<Subject>,
        headers: HeaderMap,
        payload: Bytes,
    ) -> Result<(), PublishError> {
        self.publish_message(subject.into(), None, Some(headers), payload).await
    }

    /// Publishes a message that says where an answer should go; else as
    /// [`publish`](Self::publish).
    ///
    /// # Errors
    /// [`PublishError`], all but `BufferFull`.
    ///
    /// # Cancel safety
    /// If the future is dropped before it is ready, the message is not sent.
    pub async fn publish_with_reply(
        &self,
        subject: impl Into<Subject>,
        reply: impl Into<Subject>,
        payload: Bytes,
    ) -> Result<(), PublishError> {
        self.publish_message(subject.into(), Some(reply.into()), None, payload).await
    }

    /// Publishes a message with headers that says where an answer should go; else as
    /// [`publish`](Self::publish).
    ///
    /// # Errors
    /// [`PublishError`], all but `BufferFull`.
    ///
    /// # Cancel safety
    /// If the future is dropped before it is ready, the message is not sent.
    pub async fn publish_with_reply_and_headers(
        &self,
        subject: impl Into<Subject>,
        reply: impl Into<Subject>,
        headers: HeaderMap,
        payload: Bytes,
    ) -> Result<(), PublishError> {
        self.publish_message(subject.into(), Some(reply.into()), Some(headers), payload).await
    }

    /// Publishes a message, or says at once that there is no room for it.
    ///
    /// # Errors
    /// [`PublishError`]; `BufferFull` when the outbound buffer is full.
    pub fn try_publish(
        &self,
        subject: &str,
        reply: Option<&str>,
        headers: Option<&HeaderMap>,
        payload: &[u8],
    ) -> Result<(), PublishError> {
        let shared = self.shared();
        shared.inner.borrow_mut().connection.publish(subject, reply, headers, payload)?;
        shared.wake_driver();
        Ok(())
    }

    async fn publish_message(
        &self,
        subject: Subject,
        reply: Option<Subject>,
        headers: Option<HeaderMap>,
        payload: Bytes,
    ) -> Result<(), PublishError> {
        poll_fn(|cx| {
            match self.try_publish(&subject, reply.as_deref(), headers.as_ref(), &payload) {
                Err(PublishError::BufferFull { .. }) => {
                    self.shared().inner.borrow_mut().publishers.push(cx.waker().clone());
                    Poll::Pending
                }
                result => Poll::Ready(result),
            }
        })
        .await
    }

    /// Subscribes to a subject or pattern.
    ///
    /// It returns at once; whether the server allows it shows in the stream's
    /// [`end_reason`](Subscriber::end_reason), at the latest when a [`flush`](Self::flush) has
    /// returned.
    ///
    /// # Errors
    /// [`SubscribeError`].
    ///
    /// # Cancel safety
    /// It does not wait.
    #[expect(clippy::unused_async, reason = "async-nats has it so")]
    pub async fn subscribe(
        &self,
        subject: impl Into<Subject>,
    ) -> Result<Subscriber, SubscribeError> {
        self.subscribe_now(subject.into(), None)
    }

    /// Subscribes as a member of a queue group, of which only one gets each message; else as
    /// [`subscribe`](Self::subscribe).
    ///
    /// # Errors
    /// [`SubscribeError`].
    ///
    /// # Cancel safety
    /// It does not wait.
    #[expect(clippy::unused_async, reason = "async-nats has it so")]
    pub async fn queue_subscribe(
        &self,
        subject: impl Into<Subject>,
        queue_group: impl Into<Subject>,
    ) -> Result<Subscriber, SubscribeError> {
        self.subscribe_now(subject.into(), Some(&queue_group.into()))
    }

    fn subscribe_now(
        &self,
        subject: Subject,
        queue_group: Option<&Subject>,
    ) -> Result<Subscriber, SubscribeError> {
        let shared = self.shared();
        let mut inner = shared.inner.borrow_mut();
        let sid = inner.connection.subscribe(&subject, queue_group)?;
        let queue = Rc::new(Queue::new(subject, shared.options.pending_limits));
        inner.queues.insert(sid, Rc::clone(&queue));
        shared.wake_driver();
        Ok(Subscriber { sid, queue, handle: Rc::clone(&self.handle) })
    }

    /// Publishes a request and waits for one answer.
    ///
    /// # Errors
    /// [`RequestError`]; `TimedOut` after [`ConnectOptions::request_timeout`].
    ///
    /// # Cancel safety
    /// If the future is dropped the answer is not waited for any more; the request may have been
    /// sent.
    pub async fn request(
        &self,
        subject: impl Into<Subject>,
        payload: Bytes,
    ) -> Result<Message, RequestError> {
        self.send_request(subject, Request::new().payload(payload)).await
    }

    /// Publishes a request with headers and waits for one answer; else as
    /// [`request`](Self::request).
    ///
    /// # Errors
    /// [`RequestError`].
    ///
    /// # Cancel safety
    /// As [`request`](Self::request).
    pub async fn request_with_headers(
        &self,
        subject: impl Into<Subject>,
        headers: HeaderMap,
        payload: Bytes,
    ) -> Result<Message, RequestError> {
        self.send_request(subject, Request::new().headers(headers).payload(payload)).await
    }

    /// Publishes a request with options of its own and waits for one answer.
    ///
    /// # Errors
    /// [`RequestError`].
    ///
    /// # Cancel safety
    /// As [`request`](Self::request).
    pub async fn send_request(
        &self,
        subject: impl Into<Subject>,
        request: Request,
    ) -> Result<Message, RequestError> {
        let shared = self.shared();
        let timeout = request.timeout.unwrap_or(shared.options.request_timeout);
        let now = shared.runtime.platform.now();
        let (sender, answer) = oneshot::channel();
        let id = {
            let mut inner = shared.inner.borrow_mut();
            let subject = subject.into();
            let headers = request.headers.as_ref();
            let connection = &mut inner.connection;
            let id = connection.request(now, &subject, headers, &request.payload, timeout)?;
            inner.responses.insert(id, Answers::One(sender));
            id
        };
        shared.wake_driver();
        let _cancel = CancelRequest { handle: &self.handle, id };
        answer.await.unwrap_or(Err(RequestError::Closed))
    }

    /// Publishes a request that may have many answers, and returns them as a stream.
    ///
    /// # Errors
    /// [`RequestError`] when the request was not sent; what happens later comes in the stream.
    ///
    /// # Cancel safety
    /// It does not wait.
    #[expect(clippy::unused_async, reason = "as the other requests")]
    pub async fn request_many(
        &self,
        subject: impl Into<Subject>,
        request: RequestMany,
    ) -> Result<Responses, RequestError> {
        let shared = self.shared();
        let max_wait = request.max_wait.unwrap_or(shared.options.request_timeout);
        let now = shared.runtime.platform.now();
        let queue = Rc::new(ResponseQueue::new(shared.options.pending_limits.messages));
        let id = {
            let mut inner = shared.inner.borrow_mut();
            let (subject, headers) = (subject.into(), request.headers.as_ref());
            let connection = &mut inner.connection;
            let id = connection.request_many(now, &subject, headers, &request.payload, max_wait)?;
            inner.responses.insert(id, Answers::Many(Rc::clone(&queue)));
            id
        };
        shared.wake_driver();
        Ok(Responses {
            id,
            handle: Rc::clone(&self.handle),
            queue,
            until: request.until,
            received: 0,
            stalled: None,
            ended: false,
        })
    }

    /// Waits until the server has confirmed that it has everything published before, and every
    /// subscription made before. Returns the round-trip time.
    ///
    /// # Errors
    /// [`FlushError`]; `TimedOut` after [`ConnectOptions::flush_timeout`].
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn flush(&self) -> Result<Duration, FlushError> {
        self.flush_within(self.shared().options.flush_timeout).await
    }

    async fn flush_within(&self, timeout: Duration) -> Result<Duration, FlushError> {
        let shared = self.shared();
        let now = shared.runtime.platform.now();
        let (sender, confirmed) = oneshot::channel();
        {
            let mut inner = shared.inner.borrow_mut();
            let id = inner.connection.flush(now, timeout)?;
            inner.flushes.insert(id, sender);
        }
        shared.wake_driver();
        confirmed.await.unwrap_or(Err(FlushError::Closed))
    }

    /// Sends what waits, and closes the connection for good. Subscriptions end when what they
    /// hold is read; requests fail.
    ///
    /// # Errors
    /// [`FlushError`] when the server has not confirmed everything published before, within two
    /// seconds; the connection is closed all the same. A client that is not connected does not
    /// wait: it fails with `Disconnected` if messages were given up.
    ///
    /// # Cancel safety
    /// If the future is dropped the connection stays open.
    pub async fn close(&self) -> Result<(), FlushError> {
        const PATIENCE: Duration = Duration::from_secs(2);
        let connected = self.connection_state() == State::Connected;
        let flushed = if connected { self.flush_within(PATIENCE).await.map(drop) } else { Ok(()) };
        let discarded = self.handle.close();
        flushed.and(if discarded > 0 { Err(FlushError::Disconnected) } else { Ok(()) })
    }

    /// Lets everything finish, then closes: subscriptions end when what was on its way has been
    /// read, what is published until then is sent, and new subscriptions are refused.
    ///
    /// Subscriptions have to be read meanwhile, by other tasks.
    ///
    /// # Errors
    /// [`FlushError`] when the server has not confirmed everything published; the connection is
    /// closed all the same. `TimedOut` also when subscriptions were not read to their end within
    /// [`ConnectOptions::drain_timeout`].
    ///
    /// # Cancel safety
    /// If the future is dropped the connection stays open and takes no new subscriptions.
    pub async fn drain(&self) -> Result<(), FlushError> {
        let shared = self.shared();
        let timeout = shared.options.drain_timeout;
        let now = shared.runtime.platform.now();
        let queues = {
            let mut inner = shared.inner.borrow_mut();
            if inner.connection.is_closed() {
                return Err(FlushError::Closed);
            }
            inner.connection.drain_all(now);
            inner.emit(&Event::Draining);
            inner.queues.values().cloned().collect::<Vec<_>>()
        };
        shared.wake_driver();
        let read = poll_fn(|cx| {
            for queue in &queues {
                ready!(queue.poll_finished(cx));
            }
            Poll::Ready(())
        });
        let read = match select(read, shared.runtime.platform.sleep(timeout)).await {
            Either::Left(_) => Ok(()),
            Either::Right(_) => Err(FlushError::TimedOut { timeout }),
        };
        let closed = self.close().await;
        read.and(closed)
    }

    /// Something happened that makes the connection doubtful, or another one likely to succeed:
    /// a connection is tested at once, and a server that is waited for is dialled at once.
    ///
    /// In a browser this happens by itself when the machine comes online and when the page is
    /// shown again.
    pub fn wake(&self) {
        self.shared().wake();
    }

    /// A subject for an answer that nobody else publishes to, under the inbox prefix.
    pub fn new_inbox(&self) -> String {
        self.shared().inner.borrow_mut().connection.new_inbox()
    }

    /// What happens to the connection from now on.
    pub fn events(&self) -> Events {
        Events { queue: self.shared().inner.borrow_mut().listen() }
    }

    /// How far the connection is.
    pub fn connection_state(&self) -> State {
        let shared = self.shared();
        // The driver learns of a close a moment later.
        let closed = shared.inner.borrow().connection.is_closed();
        if closed { State::Closed } else { shared.state.get() }
    }

    /// The address that was dialled for the present connection; `None` while there is none.
    pub fn server(&self) -> Option<ServerAddr> {
        self.shared().server.borrow().clone()
    }

    /// What the server said of itself last; all defaults before the first connection.
    pub fn server_info(&self) -> ServerInfo {
        self.shared().inner.borrow().connection.server_info().clone()
    }

    /// The largest message that the server takes, headers and payload together, in bytes; 0
    /// before the first connection.
    pub fn max_payload(&self) -> usize {
        self.shared().inner.borrow().connection.server_info().max_payload
    }

    /// What went in and out so far.
    pub fn statistics(&self) -> Statistics {
        self.shared().inner.borrow().connection.statistics()
    }

    /// Drops the connection and makes another, on another server if one is known.
    pub fn force_reconnect(&self) {
        let shared = self.shared();
        let now = shared.runtime.platform.now();
        let mut inner = shared.inner.borrow_mut();
        inner.connection.reconnect(now);
        inner.wake = true;
        shared.wake_driver();
    }

    fn shared(&self) -> &Shared {
        &self.handle.shared
    }
}

impl Handle {
    pub(crate) fn drain(&self, sid: u64) {
        let now = self.shared.runtime.platform.now();
        self.shared.inner.borrow_mut().connection.drain(now, sid);
        self.shared.wake_driver();
    }

    pub(crate) fn unsubscribe(&self, sid: u64, max: Option<u64>) {
        self.shared.inner.borrow_mut().connection.unsubscribe(sid, max);
        self.shared.wake_driver();
    }

    /// Nobody reads a subscription any more.
    pub(crate) fn forget(&self, sid: u64) {
        self.shared.inner.borrow_mut().queues.remove(&sid);
        self.unsubscribe(sid, None);
    }

    /// Nobody waits for the answers to a request any more.
    pub(crate) fn cancel(&self, id: RequestId) {
        let mut inner = self.shared.inner.borrow_mut();
        if inner.responses.remove(&id).is_some() {
            inner.connection.cancel_request(id);
        }
    }

    pub(crate) fn sleep(&self, duration: Duration) -> LocalBoxFuture<'static, ()> {
        self.shared.runtime.platform.sleep(duration)
    }

    /// Closes the connection and returns how many messages that gave up.
    fn close(&self) -> u64 {
        let now = self.shared.runtime.platform.now();
        let mut inner = self.shared.inner.borrow_mut();
        if inner.connection.is_closed() {
            return 0;
        }
        let discarded = inner.connection.close(now);
        inner.closed = Some(discarded);
        self.shared.wake_driver();
        discarded
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.close();
    }
}

impl core::fmt::Debug for Handle {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Handle").field("state", &self.shared.state.get()).finish_non_exhaustive()
    }
}

/// Cancels a request when its future is dropped.
struct CancelRequest<'a> {
    handle: &'a Handle,
    id: RequestId,
}

impl Drop for CancelRequest<'_> {
    fn drop(&mut self) {
        self.handle.cancel(self.id);
    }
}

/// A request with options of its own.
#[derive(Clone, Debug, Default)]
pub struct Request {
    payload: Bytes,
    headers: Option<HeaderMap>,
    timeout: Option<Duration>,
}

impl Request {
    /// An empty request with the client's timeout.
    pub fn new() -> Self {
        Self::default()
    }

    /// The body.
    #[must_use]
    pub fn payload(mut self, payload: Bytes) -> Self {
        self.payload = payload;
        self
    }

    /// The headers.
    #[must_use]
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        self.headers = Some(headers);
        self
    }

    /// How long to wait for the answer.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}
