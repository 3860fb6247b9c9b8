//! What an outbox's handles and the task that sends share.

use core::time::Duration;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};

use bytes::Bytes;
use futures_channel::{mpsc, oneshot};
use hashbrown::HashMap;
use nats_proto::jetstream::PublishAck;
use nats_proto::outbox::{Record, SetAside};

use super::error::{AckError, StorageError};
use super::event::Event;
use super::options::Options;
use super::storage::Backing;
use crate::client::Client;
use crate::event_queue::EventQueue;

/// How many answers are kept for those who ask a moment too late.
const RECENT: usize = 256;

type Answer = Result<PublishAck, AckError>;

/// What the task that sends is told.
#[derive(Debug)]
pub(super) enum Signal {
    /// Something happened, here or in another tab.
    Happened(Event),
    /// The outbox is to be closed.
    Close,
}

pub(super) struct Inner {
    pub(super) client: Client,
    pub(super) options: Options,
    pub(super) backing: Backing,
    pub(super) sending: Cell<bool>,
    pub(super) in_flight: Cell<Option<u64>>,
    pub(super) closed: Cell<bool>,
    signals: mpsc::UnboundedSender<Signal>,
    listeners: RefCell<Vec<Weak<EventQueue<Event>>>>,
    waiters: RefCell<HashMap<u64, Vec<oneshot::Sender<Answer>>>>,
    /// The last answers: an entry may be settled before its publisher hears that it is stored.
    recent: RefCell<VecDeque<(u64, Answer)>>,
}

impl Inner {
    pub(super) fn new(
        client: Client,
        options: Options,
        backing: Backing,
        signals: mpsc::UnboundedSender<Signal>,
    ) -> Self {
        Self {
            client,
            options,
            backing,
            sending: Cell::new(false),
            in_flight: Cell::new(None),
            closed: Cell::new(false),
            signals,
            listeners: RefCell::default(),
            waiters: RefCell::default(),
            recent: RefCell::default(),
        }
    }

    pub(super) fn unix_time(&self) -> Duration {
        let now = self.client.shared().runtime.platform.unix_time();
        Duration::from_millis(u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn add_listener(&self) -> Rc<EventQueue<Event>> {
        let queue = Rc::new(EventQueue::default());
        if self.closed.get() {
            queue.close();
        } else {
            self.listeners.borrow_mut().push(Rc::downgrade(&queue));
        }
        queue
    }

    /// Tells everybody here and in the other tabs.
    pub(super) fn announce(self: &Rc<Self>, event: Event) {
        self.backing.tabs.tell(&event);
        self.hear(event);
    }

    /// Tells everybody here.
    pub(super) fn hear(self: &Rc<Self>, event: Event) {
        if self.closed.get() {
            return;
        }
        match &event {
            Event::Acknowledged { number, ack } => self.settle(*number, &Ok(ack.clone())),
            Event::SetAside { number, reason } => {
                self.settle(*number, &Err(AckError::SetAside(reason.clone())));
            }
            Event::Removed { number } => self.settle(*number, &Err(AckError::Removed)),
            Event::Cleared => {
                let waiters = core::mem::take(&mut *self.waiters.borrow_mut());
                for waiter in waiters.into_values().flatten() {
                    waiter.send(Err(AckError::Removed)).ok();
                }
            }
            Event::Retried { number } => {
                self.recent.borrow_mut().retain(|(have, _)| have != number);
            }
            // Who sent before may be gone with what it had to tell.
            Event::Sending => {
                let inner = Rc::clone(self);
                let look = Box::pin(async move { inner.look_for_waiters().await });
                self.client.shared().runtime.platform.spawn(look);
            }
            _ => {}
        }
        self.listeners.borrow_mut().retain(|listener| match listener.upgrade() {
            Some(queue) => {
                queue.push(event.clone());
                true
            }
            None => false,
        });
        self.signals.unbounded_send(Signal::Happened(event)).ok();
    }

    /// Waits for what becomes of an entry.
    pub(super) fn wait_for(&self, number: u64) -> oneshot::Receiver<Answer> {
        let (sender, receiver) = oneshot::channel();
        let recent = self.recent.borrow();
        if let Some((_, answer)) = recent.iter().rev().find(|(have, _)| *have == number) {
            sender.send(answer.clone()).ok();
        } else if !self.closed.get() {
            self.waiters.borrow_mut().entry(number).or_default().push(sender);
        }
        receiver
    }

    fn settle(&self, number: u64, answer: &Answer) {
        let waiters = self.waiters.borrow_mut().remove(&number);
        for waiter in waiters.into_iter().flatten() {
            waiter.send(answer.clone()).ok();
        }
        let mut recent = self.recent.borrow_mut();
        recent.push_back((number, answer.clone()));
        if recent.len() > RECENT {
            recent.pop_front();
        }
    }

    /// Answers those who wait for entries that are there no more, or were set aside.
    pub(super) async fn look_for_waiters(&self) {
        let numbers: Vec<u64> = self.waiters.borrow().keys().copied().collect();
        for number in numbers {
            match self.backing.storage.get(number).await {
                Ok(None) => self.settle(number, &Err(AckError::Gone)),
                Ok(Some(bytes)) => {
                    let record = Record::decode(&Bytes::from(bytes));
                    if let Ok(Record { set_aside: Some(reason), .. }) = record {
                        self.settle(number, &Err(AckError::SetAside(reason)));
                    }
                }
                // The next that sends looks again.
                Err(_) => return,
            }
        }
    }

    /// Changes what is stored of an entry, if it is there and can be read; `change` says whether it is
    /// to be stored.
    pub(super) async fn change(
        &self,
        number: u64,
        change: impl FnOnce(&mut Record) -> bool,
    ) -> Result<Option<Record>, StorageError> {
        let Some(bytes) = self.backing.storage.get(number).await? else { return Ok(None) };
        let Ok(mut record) = Record::decode(&Bytes::from(bytes)) else { return Ok(None) };
        if !change(&mut record) {
            return Ok(None);
        }
        let there = self.backing.storage.replace(number, &record.encode()).await?;
        Ok(there.then_some(record))
    }

    /// Stores that an entry was set aside, and tells it.
    pub(super) async fn set_aside(self: &Rc<Self>, number: u64, reason: SetAside) {
        let stored = self.change(number, |record| {
            record.set_aside = Some(reason.clone());
            true
        });
        match stored.await {
            Ok(Some(_)) => self.announce(Event::SetAside { number, reason }),
            Ok(None) => {}
            // It waits again after the next reload, and is set aside again.
            Err(error) => self.hear(Event::StorageFailed(error)),
        }
    }

    pub(super) fn signal_close(&self) {
        self.signals.unbounded_send(Signal::Close).ok();
    }

    /// Ends everything that waits.
    pub(super) fn close(&self) {
        self.closed.set(true);
        self.sending.set(false);
        self.in_flight.set(None);
        self.waiters.borrow_mut().clear();
        for listener in self.listeners.take() {
            if let Some(queue) = listener.upgrade() {
                queue.close();
            }
        }
    }
}
