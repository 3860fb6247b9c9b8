//! What a client's handles and its driver share.

use core::task::Waker;
use core::time::Duration;
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use futures_channel::oneshot;
use hashbrown::HashMap;
use nats_proto::connection::{self, EndReason, FlushError, FlushId, RequestId, Response};
use nats_proto::{Connection, Message, Run, ServerAddr, ServerPool, WallClock};
use rustc_hash::FxBuildHasher;

use crate::client::State;
use crate::event::Event;
use crate::event_queue::EventQueue;
use crate::options::ConnectOptions;
use crate::platform::Runtime;
use crate::queue::{Queue, Queued};
use crate::responses::ResponseQueue;

/// The connection and everybody who waits for something of it.
///
/// No borrow of a cell lasts while foreign code runs: wakers schedule, they do not call back.
pub(crate) struct Shared {
    pub(crate) options: ConnectOptions,
    pub(crate) runtime: Runtime,
    pub(crate) inner: RefCell<Inner>,
    pub(crate) pool: RefCell<ServerPool>,
    pub(crate) state: Cell<State>,
    /// How often a connection broke.
    pub(crate) losses: Cell<u64>,
    /// Where the connection goes, while there is one.
    pub(crate) server: RefCell<Option<ServerAddr>>,
    /// What the clock on the wall said, for the dates of moments.
    pub(crate) wall_clock: RefCell<WallClock>,
    driver: RefCell<Option<Waker>>,
}

/// Where the answers to a request go.
pub(crate) enum Answers {
    /// To somebody who waits for one.
    One(oneshot::Sender<Response>),
    /// To a stream of them.
    Many(Rc<ResponseQueue>),
}

/// Who waits for a flush.
type Flushing = oneshot::Sender<Result<Duration, FlushError>>;

pub(crate) struct Inner {
    pub(crate) connection: Connection,
    pub(crate) queues: HashMap<u64, Rc<Queue>, FxBuildHasher>,
    /// Whose handlers are to be called.
    pub(crate) arrived: Vec<Rc<Queue>>,
    pub(crate) responses: HashMap<RequestId, Answers, FxBuildHasher>,
    pub(crate) flushes: HashMap<FlushId, Flushing, FxBuildHasher>,
    pub(crate) publishers: Vec<Waker>,
    listeners: Vec<Weak<EventQueue<Event>>>,
    /// Whether the last event was emitted.
    ended: bool,
    pub(crate) commands: Commands,
}

/// What handles want of the driver.
#[derive(Debug, Default)]
pub(crate) struct Commands {
    /// Servers are dialled at once.
    pub(crate) wake: bool,
    /// The servers have changed: the choice of the next is made again.
    pub(crate) choose_again: bool,
    /// The credentials are asked anew, and the connection moves to one with their answer.
    pub(crate) renew: bool,
}

impl Shared {
    pub(crate) fn new(
        options: ConnectOptions,
        runtime: Runtime,
        connection: Connection,
        pool: ServerPool,
    ) -> Self {
        let inner = Inner {
            connection,
            queues: HashMap::default(),
            arrived: Vec::new(),
            responses: HashMap::default(),
            flushes: HashMap::default(),
            publishers: Vec::new(),
            listeners: Vec::new(),
            ended: false,
            commands: Commands::default(),
        };
        Self {
            options,
            runtime,
            inner: RefCell::new(inner),
            pool: RefCell::new(pool),
            state: Cell::new(State::Pending),
            losses: Cell::new(0),
            server: RefCell::new(None),
            wall_clock: RefCell::default(),
            driver: RefCell::new(None),
        }
    }

    /// The driver has something to do.
    pub(crate) fn wake_driver(&self) {
        if let Some(waker) = &*self.driver.borrow() {
            waker.wake_by_ref();
        }
    }

    /// What wakes the driver, once it has been polled.
    pub(crate) fn driver_waker(&self) -> Option<Waker> {
        self.driver.borrow().clone()
    }

    pub(crate) fn register_driver(&self, waker: &Waker) {
        let mut driver = self.driver.borrow_mut();
        match &*driver {
            Some(known) if known.will_wake(waker) => {}
            _ => *driver = Some(waker.clone()),
        }
    }

    /// The world may have changed: doubts a connection, and dials at once where there is none.
    pub(crate) fn wake(&self) {
        let now = self.runtime.platform.now();
        let mut inner = self.inner.borrow_mut();
        inner.connection.doubt(now);
        inner.commands.wake = true;
        drop(inner);
        self.wake_driver();
    }

    /// Calls the handlers for which something has come. Nothing is borrowed meanwhile.
    pub(crate) fn hand_over(&self) {
        let arrived = core::mem::take(&mut self.inner.borrow_mut().arrived);
        for queue in arrived {
            let Some(busy) = queue.hand_over() else { continue };
            self.runtime.platform.spawn(Box::pin(async move {
                let mut busy = Some(busy);
                while let Some(over) = busy {
                    over.await;
                    queue.resume();
                    busy = queue.hand_over();
                }
            }));
        }
    }

    pub(crate) fn emit(&self, event: &Event) {
        self.inner.borrow_mut().emit(event);
    }

    /// A connection broke, and with it ends what was subscribed to for as long as it lasts.
    pub(crate) fn connection_lost(&self) {
        self.losses.set(self.losses.get() + 1);
        self.inner.borrow_mut().end_transient();
    }
}

impl Inner {
    pub(crate) fn listen(&mut self) -> Rc<EventQueue<Event>> {
        let queue = Rc::new(EventQueue::default());
        if self.ended {
            queue.close();
        }
        self.listeners.push(Rc::downgrade(&queue));
        queue
    }

    pub(crate) fn emit(&mut self, event: &Event) {
        self.ended = matches!(event, Event::Closed { .. });
        self.listeners.retain(|listener| match listener.upgrade() {
            Some(queue) => {
                match event {
                    Event::Closed { .. } => queue.push_last(event.clone()),
                    _ => queue.push(event.clone()),
                }
                true
            }
            None => false,
        });
    }

    fn end_transient(&mut self) {
        let transient = self.queues.iter().filter(|(_, queue)| queue.transient);
        let transient: Vec<u64> = transient.map(|(sid, _)| *sid).collect();
        for sid in transient {
            self.connection.unsubscribe(sid, None);
            if let Some(queue) = self.queues.remove(&sid) {
                queue.end(EndReason::Unsubscribed);
            }
        }
    }

    /// Sorts out what the connection has to tell: messages and results go to those who wait for
    /// them, the rest to `rest`.
    pub(crate) fn dispatch(&mut self, rest: &mut Vec<connection::Event>) {
        while let Some(event) = self.connection.poll_events() {
            match event {
                connection::Event::Message { sid, message } => drop(self.deliver(sid, message)),
                connection::Event::Messages { sid, run } => self.deliver_run(sid, run),
                connection::Event::SubscriptionEnded { sid, reason } => {
                    if let Some(queue) = self.queues.remove(&sid) {
                        queue.end(reason);
                    }
                }
                connection::Event::Response { request, result } => {
                    self.answer(request, result);
                }
                connection::Event::Flushed { flush, result } => {
                    if let Some(waiting) = self.flushes.remove(&flush) {
                        waiting.send(result).ok();
                    }
                }
                other => rest.push(other),
            }
        }
    }

    fn answer(&mut self, request: RequestId, result: Response) {
        let more = match self.responses.get(&request) {
            Some(Answers::Many(queue)) if result.is_ok() => queue,
            _ => {
                match self.responses.remove(&request) {
                    // Whoever waited may be gone; then nobody misses the answer.
                    Some(Answers::One(waiting)) => drop(waiting.send(result)),
                    Some(Answers::Many(queue)) => queue.push(result),
                    None => {}
                }
                return;
            }
        };
        more.push(result);
    }

    fn deliver_run(&mut self, sid: u64, run: Run) {
        let Some(queue) = self.queues.get(&sid) else { return };
        match queue.push_run(run) {
            Ok(()) => note_arrival(&mut self.arrived, queue),
            // Some have no room, which has to be told.
            Err(mut run) => {
                while let Some(message) = run.next() {
                    if self.deliver(sid, message) == Some(Queued::Overflowed) {
                        self.connection.orphaned(run.len() as u64);
                        return;
                    }
                }
            }
        }
    }

    #[inline(never)]
    fn deliver(&mut self, sid: u64, message: Message) -> Option<Queued> {
        let queue = self.queues.get(&sid)?;
        let queued = queue.push(message);
        note_arrival(&mut self.arrived, queue);
        if matches!(queued, Queued::FirstDropped | Queued::Overflowed) {
            let (subject, dropped) = (queue.subject.clone(), queue.dropped());
            self.emit(&Event::SlowConsumer { sid, subject, dropped });
        }
        if queued == Queued::Overflowed {
            self.connection.unsubscribe(sid, None);
        }
        Some(queued)
    }

    /// A handler has been set, for which messages may wait.
    pub(crate) fn ask_to_hand_over(&mut self, queue: &Rc<Queue>) {
        note_arrival(&mut self.arrived, queue);
    }

    /// Lets those publish again who wait for room.
    pub(crate) fn wake_publishers(&mut self) {
        for waker in self.publishers.drain(..) {
            waker.wake();
        }
    }
}

/// Has a queue's handler be called, if it has one.
fn note_arrival(arrived: &mut Vec<Rc<Queue>>, queue: &Rc<Queue>) {
    if queue.ask_for_handing_over() {
        arrived.push(Rc::clone(queue));
    }
}
