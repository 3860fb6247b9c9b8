//! The one loop: it carries bytes, time and credentials between the connection and the world.

use core::any::Any;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::rc::Rc;

use futures_channel::oneshot;
use nats_proto::connection::{self, Auth, DisconnectReason};
use nats_proto::{Dial, Instant, ServerAddr, ServerError, ServerPool};

use crate::client::State;
use crate::credentials::AuthError;
use crate::error::ConnectError;
use crate::event::Event;
use crate::platform::LocalBoxFuture;
use crate::shared::Shared;
use crate::transport::{Transport, TransportClosed, TransportEvent, Writable};

/// How large a websocket message the client makes of many small NATS messages.
const FRAME: usize = 64 * 1024;

/// How soon a transport that was full is asked again.
const RETRY_WRITE: Duration = Duration::from_millis(4);

/// Websocket close code of a client that leaves as it should (RFC 6455 §7.4.1).
const NORMAL_CLOSURE: u16 = 1000;

type Connected = oneshot::Sender<Result<(), ConnectError>>;

/// A task that lives as long as the connection, over all its transports.
pub(crate) struct Driver {
    shared: Rc<Shared>,
    pool: ServerPool,
    /// Who waits for the first connection, until it is there or given up.
    connected: Option<Connected>,
    /// What is dialled, or was.
    server: ServerAddr,
    /// When `server` is to be dialled, if it is waited for.
    dial_at: Option<Instant>,
    transport: Option<Box<dyn Transport>>,
    auth: Option<LocalBoxFuture<'static, Result<Auth, AuthError>>>,
    /// A timer on its way, which may be for an earlier moment than is needed.
    timer: Option<(Instant, LocalBoxFuture<'static, ()>)>,
    /// When a full transport is asked again.
    write_at: Option<Instant>,
    events: Vec<connection::Event>,
    /// Who the client last said that it is, without the signature.
    offered: Auth,
    /// Servers that refused the client, and whom they refused.
    refused: Vec<(ServerAddr, Auth)>,
    last_reason: DisconnectReason,
    /// Whether no attempt is left that could succeed.
    gave_up: bool,
    /// What listens for the machine to come online, until the driver ends.
    _wake: Box<dyn Any>,
}

impl Driver {
    /// The driver, and the news of the first connection or of having given up on it.
    pub(crate) fn new(
        shared: Rc<Shared>,
        addrs: Vec<ServerAddr>,
        entropy: [u8; 32],
    ) -> (Self, oneshot::Receiver<Result<(), ConnectError>>) {
        let (sender, receiver) = oneshot::channel();
        let options = &shared.options;
        let server = addrs[0].clone();
        let count = u32::try_from(addrs.len()).unwrap_or(u32::MAX);
        let max_attempts = match options.retry_on_initial_connect {
            // Who wants no reconnects wants a first connection all the same.
            true => options.max_reconnects.filter(|&max| max > 0),
            false => Some(count),
        };
        let [a, b, c, d, e, f, g, h, ..] = entropy;
        let seed = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        let pool = ServerPool::new(
            addrs,
            options.retain_servers_order,
            options.backoff,
            max_attempts,
            seed,
        );
        let wake = shared.runtime.platform.on_wake({
            let shared = Rc::downgrade(&shared);
            Rc::new(move || {
                if let Some(shared) = shared.upgrade() {
                    shared.wake();
                }
            })
        });
        let mut driver = Self {
            shared,
            pool,
            connected: Some(sender),
            server,
            dial_at: None,
            transport: None,
            auth: None,
            timer: None,
            write_at: None,
            events: Vec::new(),
            offered: Auth::default(),
            refused: Vec::new(),
            last_reason: DisconnectReason::ClosedByCaller,
            gave_up: false,
            _wake: wake,
        };
        driver.schedule_dial();
        (driver, receiver)
    }

    fn now(&self) -> Instant {
        self.shared.runtime.platform.now()
    }

    /// Moves everything that can be moved. Ready when the connection is closed.
    fn step(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.shared.register_driver(cx.waker());
        loop {
            self.receive(cx);
            self.keep_time();
            self.sign_in(cx);
            self.heed_commands();
            self.dispatch();
            if self.shared.inner.borrow().connection.is_closed() {
                self.finish();
                return Poll::Ready(());
            }
            if self.dial_if_due() {
                continue;
            }
            self.transmit();
            if self.wait(cx) {
                return Poll::Pending;
            }
        }
    }

    fn receive(&mut self, cx: &mut Context<'_>) {
        while let Some(transport) = &mut self.transport {
            let Poll::Ready(event) = transport.poll_event(cx) else { return };
            let now = self.now();
            match event {
                TransportEvent::Input(bytes) => {
                    self.shared.inner.borrow_mut().connection.handle_input(now, bytes);
                    self.dispatch();
                }
                TransportEvent::Closed(closed) => self.transport_closed(now, closed),
            }
        }
    }

    fn transport_closed(&mut self, now: Instant, closed: TransportClosed) {
        self.shared.inner.borrow_mut().connection.handle_closed(now, closed);
        self.dispatch();
    }

    fn keep_time(&mut self) {
        let now = self.now();
        let mut inner = self.shared.inner.borrow_mut();
        if inner.connection.poll_timeout().is_some_and(|deadline| deadline <= now) {
            inner.connection.handle_timeout(now);
        }
    }

    fn sign_in(&mut self, cx: &mut Context<'_>) {
        let Some(auth) = &mut self.auth else { return };
        let Poll::Ready(result) = auth.as_mut().poll(cx) else { return };
        self.auth = None;
        let now = self.now();
        let connection = &mut self.shared.inner.borrow_mut().connection;
        match result {
            Ok(auth) => {
                self.offered = Auth { signature: None, ..auth.clone() };
                connection.authenticate(now, auth);
            }
            Err(error) => {
                self.gave_up |= error.is_fatal();
                connection.authentication_failed(now, &error.to_string());
            }
        }
    }

    fn heed_commands(&mut self) {
        if core::mem::take(&mut self.shared.inner.borrow_mut().wake) {
            self.pool.wake();
            if self.dial_at.is_some() {
                self.dial_at = Some(self.now());
            }
        }
    }

    /// Hands out what the connection has to tell, and acts on what concerns the transport.
    fn dispatch(&mut self) {
        let mut events = core::mem::take(&mut self.events);
        loop {
            self.shared.inner.borrow_mut().dispatch(&mut events);
            if events.is_empty() {
                break;
            }
            for event in events.drain(..) {
                self.handle_event(event);
            }
        }
        self.events = events;
    }

    fn handle_event(&mut self, event: connection::Event) {
        match event {
            connection::Event::Challenge(challenge) => {
                let credentials = Rc::clone(&self.shared.options.credentials);
                self.auth =
                    Some(Box::pin(async move { credentials.authenticate(challenge).await }));
            }
            connection::Event::Connected => self.handle_connected(),
            connection::Event::Disconnected { reason, unconfirmed } => {
                self.handle_disconnected(reason, unconfirmed);
            }
            connection::Event::ServerError(error) => {
                if error.is_authentication() {
                    self.shared.options.credentials.refused(&error);
                }
                self.shared.emit(&Event::ServerError(error));
            }
            connection::Event::Discovered(connect_urls) => {
                let heed = !self.shared.options.ignore_discovered_servers;
                if heed && self.pool.discovered(&self.server, &connect_urls) {
                    self.shared.emit(&Event::ServersChanged);
                }
            }
            connection::Event::LameDuck => {
                self.shared.emit(&Event::LameDuckMode);
                if self.pool.servers().nth(1).is_some() {
                    let now = self.now();
                    self.shared.inner.borrow_mut().connection.reconnect(now);
                }
            }
            _ => {}
        }
    }

    fn handle_connected(&mut self) {
        self.refused.clear();
        self.pool.connected(self.now());
        self.pool.set_max_attempts(self.shared.options.max_reconnects);
        self.shared.state.set(State::Connected);
        self.shared.server.replace(Some(self.server.clone()));
        let server_name = {
            let inner = self.shared.inner.borrow();
            inner.connection.server_info().server_name.clone()
        };
        self.shared.emit(&Event::Connected { server: self.server.clone(), server_name });
        if let Some(connected) = self.connected.take() {
            connected.send(Ok(())).ok();
        }
    }

    fn handle_disconnected(&mut self, reason: DisconnectReason, unconfirmed: u64) {
        let by_caller = reason == DisconnectReason::ClosedByCaller;
        if let Some(mut transport) = self.transport.take() {
            transport.close(NORMAL_CLOSURE, "");
        }
        self.shared.server.replace(None);
        self.auth = None;
        self.write_at = None;
        self.last_reason = reason.clone();
        let now = self.now();
        if self.shared.state.get() == State::Connected {
            self.shared.state.set(State::Disconnected);
            self.pool.disconnected(now);
            self.shared.emit(&Event::Disconnected { reason, unconfirmed });
        } else {
            self.pool.failed(now);
            self.judge_refusal(&reason);
            let server = self.server.clone();
            self.shared.emit(&Event::ConnectFailed { server, reason });
        }
        if !by_caller {
            self.schedule_dial();
        }
    }

    /// A server that refuses the same credential twice will do so for ever. Credentials that are
    /// replaced in between are another matter.
    fn judge_refusal(&mut self, reason: &DisconnectReason) {
        if !reason.server_error().is_some_and(ServerError::is_authentication) {
            return;
        }
        let refusal = (self.server.clone(), self.offered.clone());
        if self.refused.contains(&refusal) {
            self.gave_up |= !self.pool.forget_last();
        } else {
            self.refused.push(refusal);
        }
    }

    /// Chooses the next server, or gives up.
    fn schedule_dial(&mut self) {
        let now = self.now();
        match self.pool.next(now).filter(|_| !self.gave_up) {
            Some(Dial { addr, wait, attempt }) => {
                let delay = self.shared.options.reconnect_delay.as_ref();
                let wait = delay.map_or(wait, |delay| delay(attempt));
                self.server = addr.clone();
                self.dial_at = Some(now + wait);
                self.shared.emit(&Event::Connecting { server: addr, wait, attempt });
            }
            None => {
                self.gave_up = true;
                let mut inner = self.shared.inner.borrow_mut();
                let discarded = inner.connection.close(now);
                inner.closed = Some(discarded);
            }
        }
    }

    /// Says whether it dialled: then there is a transport to listen to, or another to choose.
    fn dial_if_due(&mut self) -> bool {
        let now = self.now();
        match self.dial_at {
            Some(at) if at <= now => self.dial_at = None,
            _ => return false,
        }
        self.shared.inner.borrow_mut().connection.dialing(now);
        match self.shared.runtime.dialer.dial(&self.server) {
            Ok(transport) => self.transport = Some(transport),
            Err(closed) => self.transport_closed(now, closed),
        }
        true
    }

    fn transmit(&mut self) {
        self.write_at = None;
        let Some(transport) = &mut self.transport else { return };
        let mut inner = self.shared.inner.borrow_mut();
        loop {
            match transport.writable() {
                Writable::Now => match inner.connection.poll_transmit(FRAME) {
                    Some(bytes) => transport.send(&bytes),
                    None => break,
                },
                Writable::AskAgain => {
                    if inner.connection.has_outbound() {
                        self.write_at = Some(self.shared.runtime.platform.now() + RETRY_WRITE);
                    }
                    break;
                }
                Writable::WhenOpen => break,
            }
        }
        if inner.connection.has_capacity() {
            inner.wake_publishers();
        }
    }

    /// Sets the timer. Says false when the moment has come already.
    fn wait(&mut self, cx: &mut Context<'_>) -> bool {
        let connection = self.shared.inner.borrow_mut().connection.poll_timeout();
        let deadline = [connection, self.dial_at, self.write_at].into_iter().flatten().min();
        let Some(deadline) = deadline else {
            self.timer = None;
            return true;
        };
        let now = self.now();
        if deadline <= now {
            return false;
        }
        // A timer that fires too early only costs a look; setting it anew for each request
        // would cost more.
        if !matches!(&self.timer, Some((at, _)) if *at <= deadline) {
            let timer = self.shared.runtime.platform.sleep(deadline - now);
            self.timer = Some((deadline, timer));
        }
        match &mut self.timer {
            Some((_, timer)) => match timer.as_mut().poll(cx) {
                Poll::Pending => true,
                Poll::Ready(()) => {
                    self.timer = None;
                    false
                }
            },
            None => true,
        }
    }

    /// The connection is closed: tells everybody and lets go.
    fn finish(&mut self) {
        self.dispatch();
        // Closing while nothing was connected left no event to do it.
        if let Some(mut transport) = self.transport.take() {
            transport.close(NORMAL_CLOSURE, "");
        }
        self.shared.state.set(State::Closed);
        let mut inner = self.shared.inner.borrow_mut();
        let reason = match self.gave_up {
            true => self.last_reason.clone(),
            false => DisconnectReason::ClosedByCaller,
        };
        let discarded = inner.closed.unwrap_or_default();
        inner.wake_publishers();
        inner.emit(&Event::Closed { reason: reason.clone(), discarded });
        drop(inner);
        if let Some(connected) = self.connected.take() {
            let error = match reason {
                DisconnectReason::ClosedByCaller => ConnectError::Closed,
                reason => ConnectError::NotConnected(reason),
            };
            connected.send(Err(error)).ok();
        }
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.step(cx)
    }
}
