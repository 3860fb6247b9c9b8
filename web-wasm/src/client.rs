//! The handle on a connection.

use core::future::poll_fn;
use core::task::{Poll, ready};
use core::time::Duration;
use std::rc::Rc;

use futures_channel::oneshot;
use futures_util::future::{Either, select};
use nats_proto::connection::{FlushError, Statistics, SubscribeError};
use nats_proto::{Connection, Server, ServerAddr, ServerInfo, Subject, subject::validate_publish};

use crate::driver::Driver;
use crate::error::ConnectError;
use crate::event::{Event, Events};
use crate::handle::Handle;
use crate::options::{ConnectOptions, InitialConnect};
use crate::platform::Runtime;
use crate::queue::Queue;
use crate::shared::Shared;
use crate::subscriber::Subscriber;
use crate::to_server_addrs::ToServerAddrs;

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
    pub(crate) handle: Rc<Handle>,
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
        check_subprotocols(&options.subprotocols)?;
        let connection = Connection::new(options.config.clone(), runtime.platform.entropy()?);
        let pool = options.pool(addrs, runtime.platform.entropy()?);
        let wait = options.initial_connect != InitialConnect::Retry;
        let shared = Rc::new(Shared::new(options, runtime, connection, pool));
        let client = Self { handle: Rc::new(Handle { shared: Rc::clone(&shared) }) };
        let connected = Driver::spawn(shared);
        if wait {
            connected.await.unwrap_or(Err(ConnectError::Closed))?;
        }
        Ok(client)
    }

    /// Subscribes to a subject or pattern.
    ///
    /// ```no_run
    /// # async fn example(client: web_wasm::Client) -> Result<(), Box<dyn core::error::Error>> {
    /// use futures_util::StreamExt;
    ///
    /// let mut chat = client.subscribe("rooms.*.chat").await?;
    /// client.flush().await?;
    /// if let Some(reason) = chat.end_reason() {
    ///     return Err(reason.into()); // such as: the credential does not allow it
    /// }
    /// while let Some(message) = chat.next().await {
    ///     println!("{}: {} bytes", message.subject, message.payload.len());
    /// }
    /// # Ok(())
    /// # }
    /// ```
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
        self.subscribe_now(subject.into(), None, false)
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
        self.subscribe_now(subject.into(), Some(&queue_group.into()), false)
    }

    /// Subscribes for as long as the present connection lasts, or the next one if there is none. The
    /// stream ends when that breaks.
    pub(crate) fn subscribe_until_lost(
        &self,
        subject: Subject,
    ) -> Result<Subscriber, SubscribeError> {
        self.subscribe_now(subject, None, true)
    }

    pub(crate) fn subscribe_now(
        &self,
        subject: Subject,
        queue_group: Option<&Subject>,
        transient: bool,
    ) -> Result<Subscriber, SubscribeError> {
        let shared = self.shared();
        let mut inner = shared.inner.borrow_mut();
        let sid = inner.connection.subscribe(&subject, queue_group)?;
        let limits = shared.options.pending_limits;
        let queue = Rc::new(Queue::new(subject, limits, transient));
        inner.queues.insert(sid, Rc::clone(&queue));
        shared.wake_driver();
        Ok(Subscriber { sid, queue, handle: Rc::clone(&self.handle) })
    }

    /// Waits until the server has confirmed that it has everything published before, and every
    /// subscription made before.
    ///
    /// # Errors
    /// [`FlushError`]; `TimedOut` after [`ConnectOptions::flush_timeout`].
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn flush(&self) -> Result<(), FlushError> {
        self.rtt().await.map(drop)
    }

    /// How long a question takes to the server and back, everything that waits to be sent before it
    /// included. [`Statistics::rtt`] is the latest that is known without asking.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn rtt(&self) -> Result<Duration, FlushError> {
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

    /// A name that nobody else gives.
    pub(crate) fn new_nuid(&self) -> String {
        self.shared().inner.borrow_mut().connection.new_nuid()
    }

    /// What happens to the connection from now on.
    ///
    /// ```no_run
    /// # async fn example(client: web_wasm::Client) {
    /// use futures_util::StreamExt;
    /// use web_wasm::Event;
    ///
    /// let mut events = client.events();
    /// while let Some(event) = events.next().await {
    ///     match event {
    ///         Event::Connected { server_name, .. } => println!("connected to {server_name}"),
    ///         Event::Disconnected { reason, unconfirmed } => {
    ///             println!("{reason}; {unconfirmed} messages are in doubt");
    ///         }
    ///         _ => {}
    ///     }
    /// }
    /// # }
    /// ```
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

    /// The servers that may be dialled: those that the caller named, and those that servers told
    /// of, in the order in which they would be tried.
    pub fn server_pool(&self) -> Vec<Server> {
        self.shared().pool.borrow().servers().to_vec()
    }

    /// Puts other servers in the place of all that are known, to be dialled from the next attempt
    /// on, and counts attempts from zero. A connection to a server that is not among them stays;
    /// [`force_reconnect`](Self::force_reconnect) leaves it.
    ///
    /// ```no_run
    /// # fn example(client: web_wasm::Client) -> Result<(), web_wasm::ConnectError> {
    /// client.set_server_pool(["wss://n3.example.com", "wss://n4.example.com"])?;
    /// client.force_reconnect();
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ConnectError::NoServers`] and [`ConnectError::InvalidServerAddr`]; the servers then stay
    /// what they were.
    pub fn set_server_pool(&self, addrs: impl ToServerAddrs) -> Result<(), ConnectError> {
        let addrs = addrs.to_server_addrs()?;
        if addrs.is_empty() {
            return Err(ConnectError::NoServers);
        }
        let shared = self.shared();
        shared.pool.borrow_mut().set_servers(addrs);
        shared.inner.borrow_mut().commands.choose_again = true;
        shared.wake_driver();
        Ok(())
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
        inner.commands.wake = true;
        shared.wake_driver();
    }

    /// Asks the [`Credentials`](crate::Credentials) for another answer, and moves to a connection that
    /// is made with it while the present one goes on: no message is lost, and none comes twice that
    /// can be told from others. [`Event::HandedOver`] or [`Event::HandoverFailed`] tells how it went.
    ///
    /// Credentials that know when they want to be replaced see to it themselves. Does nothing while
    /// there is no connection, as the next one asks them anyway.
    pub fn renew_credentials(&self) {
        let shared = self.shared();
        shared.inner.borrow_mut().commands.renew = true;
        shared.wake_driver();
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.handle.shared
    }
}

/// A browser throws on what is no token, and on what is offered twice.
fn check_subprotocols(subprotocols: &[String]) -> Result<(), ConnectError> {
    let in_token = |byte: u8| byte.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]{}".contains(&byte);
    for (index, name) in subprotocols.iter().enumerate() {
        let repeated = subprotocols[..index].contains(name);
        if repeated || name.is_empty() || !name.bytes().all(in_token) {
            return Err(ConnectError::InvalidSubprotocol(name.clone()));
        }
    }
    Ok(())
}
