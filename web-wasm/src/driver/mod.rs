//! The one loop: it carries bytes, time and credentials between the connection and the world.

mod dialing;
mod lane;
mod refusals;

use core::any::Any;
use core::future::poll_fn;
use core::task::{Context, Poll};
use std::cell::RefCell;
use std::rc::{Rc, Weak};

use futures_channel::oneshot;
use nats_proto::connection::{self, DisconnectReason, Via};
use nats_proto::jetstream::DateTime;
use nats_proto::{Instant, ServerAddr};

use self::lane::Lane;
use self::refusals::Refusals;
use crate::client::State;
use crate::credentials::AuthError;
use crate::error::ConnectError;
use crate::event::Event;
use crate::platform::LocalBoxFuture;
use crate::shared::Shared;
use crate::transport::{PORTION, TransportClosed, TransportEvent};

type Connected = oneshot::Sender<Result<(), ConnectError>>;

/// A task that lives as long as the connection, over all its transports.
pub(crate) struct Driver {
    shared: Rc<Shared>,
    /// Who waits for the first connection, until it is there or given up.
    connected: Option<Connected>,
    /// What is dialled, or was last.
    server: Option<ServerAddr>,
    /// When `server` is to be dialled, if it is waited for.
    dial_at: Option<Instant>,
    present: Option<Lane>,
    /// What is to take the place of `present`.
    next: Option<Lane>,
    /// When the connection is to move to another transport: the credentials want to be asked for
    /// another answer, or the server is about to stop.
    move_at: Option<Instant>,
    /// A timer on its way, which may be for an earlier moment than is needed.
    timer: Option<(Instant, LocalBoxFuture<'static, ()>)>,
    events: Vec<connection::Event>,
    refused: Refusals,
    /// Whether the credentials said that they will never be good.
    hopeless: bool,
    /// Why no attempt was left that could succeed.
    gave_up: Option<DisconnectReason>,
    /// What a transport calls when it has something to tell.
    heed: Rc<dyn Fn()>,
    /// Whether the connection is closed and everybody knows.
    finished: bool,
    /// What listens for the machine to come online, until the driver ends.
    _wake: Box<dyn Any>,
}

impl Driver {
    /// Starts a driver, which tells of the first connection or of having given up on it.
    pub(crate) fn spawn(shared: Rc<Shared>) -> oneshot::Receiver<Result<(), ConnectError>> {
        let platform = Rc::clone(&shared.runtime.platform);
        let (sender, receiver) = oneshot::channel();
        let driver = Rc::new_cyclic(|this: &Weak<RefCell<Self>>| {
            let this = Weak::clone(this);
            RefCell::new(Self::new(shared, sender, Rc::new(move || Self::heed(&this))))
        });
        platform.spawn(Box::pin(poll_fn(move |cx| Self::turn(&driver, cx))));
        receiver
    }

    /// A transport has something to tell: goes on at once, for the task's turn would come later and
    /// cost as much as reading a frame.
    fn heed(this: &Weak<RefCell<Self>>) {
        let Some(driver) = this.upgrade() else { return };
        let Some(waker) = driver.try_borrow().ok().and_then(|driver| driver.shared.driver_waker())
        else {
            return;
        };
        if Self::turn(&driver, &mut Context::from_waker(&waker)).is_ready() {
            waker.wake();
        }
    }

    /// A step, and the handlers for which it had something.
    fn turn(this: &RefCell<Self>, cx: &mut Context<'_>) -> Poll<()> {
        let (stepped, shared) = {
            let mut driver = this.borrow_mut();
            (driver.step(cx), Rc::clone(&driver.shared))
        };
        shared.hand_over();
        stepped
    }

    fn new(shared: Rc<Shared>, connected: Connected, heed: Rc<dyn Fn()>) -> Self {
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
            connected: Some(connected),
            server: None,
            dial_at: None,
            present: None,
            next: None,
            move_at: None,
            timer: None,
            events: Vec::new(),
            refused: Refusals::default(),
            hopeless: false,
            gave_up: None,
            heed,
            finished: false,
            _wake: wake,
        };
        driver.schedule_dial(DisconnectReason::ClosedByCaller);
        driver
    }

    fn now(&self) -> Instant {
        self.shared.runtime.platform.now()
    }

    fn lane_mut(&mut self, via: Via) -> Option<&mut Lane> {
        match via {
            Via::Present => self.present.as_mut(),
            Via::Next => self.next.as_mut(),
        }
    }

    /// Moves everything that can be moved. Ready when the connection is closed.
    fn step(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.finished {
            return Poll::Ready(());
        }
        self.shared.register_driver(cx.waker());
        loop {
            // Each look at a browser's clock costs as much as reading several messages.
            let now = self.now();
            let unix_time = self.shared.runtime.platform.unix_time();
            self.shared.wall_clock.borrow_mut().note(now, unix_time);
            let mut all = true;
            for via in [Via::Present, Via::Next] {
                all &= self.receive(via, now, cx);
            }
            // What is waited for may be in the rest.
            if all {
                self.keep_time(now);
            }
            for via in [Via::Present, Via::Next] {
                self.sign_in(via, now, cx);
            }
            self.heed_commands(now);
            self.dispatch();
            if self.shared.inner.borrow().connection.is_closed() {
                self.finish();
                return Poll::Ready(());
            }
            if self.dial_if_due(now) || self.move_if_due(now) {
                continue;
            }
            self.transmit(now);
            if !all {
                // Behind those who have something to read now.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if self.wait(cx) {
                return Poll::Pending;
            }
        }
    }

    /// Reads what has come, as long as it is less than [`PORTION`] bytes. Says false when more may
    /// be there.
    fn receive(&mut self, via: Via, now: Instant, cx: &mut Context<'_>) -> bool {
        let mut read = 0;
        while let Some(lane) = self.lane_mut(via) {
            if read >= PORTION {
                return false;
            }
            let Poll::Ready(event) = lane.poll_event(cx) else { break };
            match event {
                TransportEvent::Input(bytes) => {
                    read += bytes.len();
                    self.shared.inner.borrow_mut().connection.handle_input(now, via, bytes);
                    self.dispatch();
                }
                TransportEvent::Closed(closed) => self.transport_closed(now, via, closed),
            }
        }
        true
    }

    fn transport_closed(&mut self, now: Instant, via: Via, closed: TransportClosed) {
        self.shared.inner.borrow_mut().connection.handle_closed(now, via, closed);
        self.dispatch();
    }

    fn keep_time(&mut self, now: Instant) {
        let mut inner = self.shared.inner.borrow_mut();
        if inner.connection.poll_timeout().is_some_and(|deadline| deadline <= now) {
            inner.connection.handle_timeout(now);
        }
    }

    fn sign_in(&mut self, via: Via, now: Instant, cx: &mut Context<'_>) {
        let Some(Poll::Ready(answer)) = self.lane_mut(via).map(|lane| lane.poll_answer(cx)) else {
            return;
        };
        if answer.as_ref().is_err_and(AuthError::is_fatal) {
            match via {
                Via::Present => self.hopeless = true,
                // The present credential is good as long as it lasts.
                Via::Next => self.move_at = None,
            }
        }
        let connection = &mut self.shared.inner.borrow_mut().connection;
        match answer {
            Ok(auth) => connection.authenticate(now, via, auth),
            Err(error) => connection.authentication_failed(now, via, &error.to_string()),
        }
    }

    fn heed_commands(&mut self, now: Instant) {
        let commands = core::mem::take(&mut self.shared.inner.borrow_mut().commands);
        if commands.choose_again && self.dial_at.is_some() {
            self.schedule_dial(DisconnectReason::Reconnect);
        }
        if commands.wake {
            self.shared.pool.borrow_mut().wake();
            if self.dial_at.is_some() {
                self.dial_at = Some(now);
            }
            // Time may have passed that the clock knows nothing of.
            if self.move_at.is_some() {
                self.schedule_renewal();
            }
        }
        if commands.renew && self.present.is_some() {
            self.move_at = Some(now);
        }
    }

    /// Hands out what the connection has to tell, and acts on what concerns the transports.
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
            connection::Event::Challenge { via, challenge } => {
                let credentials = Rc::clone(&self.shared.options.credentials);
                if let Some(lane) = self.lane_mut(via) {
                    lane.ask(&credentials, via, challenge);
                }
            }
            connection::Event::Connected => self.handle_connected(),
            connection::Event::Disconnected { reason, unconfirmed } => {
                self.handle_disconnected(reason, unconfirmed);
            }
            connection::Event::HandedOver { broke, unconfirmed } => {
                self.handle_handed_over(broke, unconfirmed);
            }
            connection::Event::HandoverFailed { reason } => self.handle_handover_failed(reason),
            connection::Event::Gap(gap) => self.handle_gap(gap),
            connection::Event::ServerError(error) => {
                if error.is_authentication() {
                    self.shared.options.credentials.refused(&error);
                }
                self.shared.emit(&Event::ServerError(error));
            }
            connection::Event::Discovered(connect_urls) => self.discover(&connect_urls),
            connection::Event::LameDuck => {
                self.shared.emit(&Event::LameDuckMode);
                self.move_at = Some(self.now());
            }
            _ => {}
        }
    }

    fn handle_gap(&self, gap: connection::Gap) {
        let date = |moment| DateTime::from_unix_time(self.shared.wall_clock.borrow().at(moment));
        let connection::Gap { from, last_heard, to, subscriptions } = gap;
        let (from, last_heard, to) = (date(from), date(last_heard), date(to));
        self.shared.emit(&Event::Gap { from, last_heard, to, subscriptions });
    }

    fn transmit(&mut self, now: Instant) {
        let inner = &mut *self.shared.inner.borrow_mut();
        for (via, lane) in [(Via::Present, &mut self.present), (Via::Next, &mut self.next)] {
            if let Some(lane) = lane {
                lane.transmit(&mut inner.connection, via, now);
            }
        }
        if inner.connection.has_capacity() {
            inner.wake_publishers();
        }
    }

    /// Sets the timer. Says false when the moment has come already.
    fn wait(&mut self, cx: &mut Context<'_>) -> bool {
        let connection = self.shared.inner.borrow_mut().connection.poll_timeout();
        let lanes = [&self.present, &self.next].map(|lane| lane.as_ref()?.write_at);
        let deadlines = [connection, self.dial_at, self.move_at].into_iter().chain(lanes);
        let Some(deadline) = deadlines.flatten().min() else {
            self.timer = None;
            return true;
        };
        // A timer that fires too early only costs a look; setting it anew for each request
        // would cost more.
        if !matches!(&self.timer, Some((at, _)) if *at <= deadline) {
            let now = self.now();
            if deadline <= now {
                return false;
            }
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
        self.finished = true;
        // Closing while nothing was connected left no event to do it.
        for lane in [self.present.take(), self.next.take()].into_iter().flatten() {
            lane.close();
        }
        self.shared.state.set(State::Closed);
        let mut inner = self.shared.inner.borrow_mut();
        let reason = self.gave_up.take().unwrap_or(DisconnectReason::ClosedByCaller);
        let discarded = inner.connection.statistics().discarded;
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
