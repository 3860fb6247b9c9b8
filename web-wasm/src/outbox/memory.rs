//! An outbox's entries in memory.

use core::any::Any;
use core::future::{poll_fn, ready};
use core::task::{Poll, Waker};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

use super::error::{PublishError, StorageError, TabsError};
use super::event::Event;
use super::storage::{Backing, Bounds, Numbered, Storage, Tabs};
use crate::platform::LocalBoxFuture;

/// Entries that last as long as this value and its clones: for tests, and for where a browser stores
/// nothing. Each [`backing`](Self::backing) is like another tab's.
///
/// ```no_run
/// # async fn example(jetstream: web_wasm::jetstream::Context)
/// # -> Result<(), Box<dyn core::error::Error>> {
/// use web_wasm::outbox::{Memory, Options, Outbox};
///
/// let memory = Memory::new();
/// let outbox = Outbox::open_with(&jetstream, memory.backing(), Options::new("orders", "alice"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Memory {
    shared: Rc<Shared>,
}

/// A tab, and how it hears of the others.
type Listener = (u64, Weak<dyn Fn(Event)>);

#[derive(Default)]
struct Shared {
    records: RefCell<BTreeMap<u64, Vec<u8>>>,
    last: Cell<u64>,
    locked: Cell<bool>,
    waiting: RefCell<Vec<Waker>>,
    listeners: RefCell<Vec<Listener>>,
    tabs: Cell<u64>,
}

impl core::fmt::Debug for Shared {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Shared").field("len", &self.records.borrow().len()).finish_non_exhaustive()
    }
}

impl Memory {
    /// No entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// The entries, as one tab has them.
    pub fn backing(&self) -> Backing {
        self.shared.tabs.set(self.shared.tabs.get() + 1);
        let tab = MemoryTab { shared: Rc::clone(&self.shared), id: self.shared.tabs.get() };
        Backing { storage: Rc::new(self.clone()), tabs: Rc::new(tab) }
    }
}

impl Storage for Memory {
    fn add<'a>(
        &'a self,
        record: &'a [u8],
        bounds: Bounds,
    ) -> LocalBoxFuture<'a, Result<u64, PublishError>> {
        let mut records = self.shared.records.borrow_mut();
        let bytes = records.values().map(|record| record.len() as u64).sum();
        let room = bounds.check(records.len() as u64, bytes, record.len() as u64);
        let added = room.map(|()| {
            let number = self.shared.last.get() + 1;
            self.shared.last.set(number);
            records.insert(number, record.to_vec());
            number
        });
        Box::pin(ready(added))
    }

    fn get(&self, number: u64) -> LocalBoxFuture<'_, Result<Option<Vec<u8>>, StorageError>> {
        Box::pin(ready(Ok(self.shared.records.borrow().get(&number).cloned())))
    }

    fn list(&self) -> LocalBoxFuture<'_, Result<Vec<Numbered>, StorageError>> {
        let records = self.shared.records.borrow();
        let all = records.iter().map(|(&number, record)| (number, record.clone())).collect();
        Box::pin(ready(Ok(all)))
    }

    fn replace<'a>(
        &'a self,
        number: u64,
        record: &'a [u8],
    ) -> LocalBoxFuture<'a, Result<bool, StorageError>> {
        let mut records = self.shared.records.borrow_mut();
        let place = records.get_mut(&number);
        let there = place.is_some();
        if let Some(place) = place {
            *place = record.to_vec();
        }
        Box::pin(ready(Ok(there)))
    }

    fn remove(&self, number: u64) -> LocalBoxFuture<'_, Result<bool, StorageError>> {
        Box::pin(ready(Ok(self.shared.records.borrow_mut().remove(&number).is_some())))
    }

    fn clear(&self) -> LocalBoxFuture<'_, Result<u64, StorageError>> {
        let removed = core::mem::take(&mut *self.shared.records.borrow_mut()).len();
        Box::pin(ready(Ok(removed as u64)))
    }
}

struct MemoryTab {
    shared: Rc<Shared>,
    id: u64,
}

struct Lock {
    shared: Rc<Shared>,
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.shared.locked.set(false);
        for waker in self.shared.waiting.take() {
            waker.wake();
        }
    }
}

impl Tabs for MemoryTab {
    fn lock(&self) -> LocalBoxFuture<'static, Result<Box<dyn Any>, TabsError>> {
        let shared = Rc::clone(&self.shared);
        Box::pin(poll_fn(move |cx| {
            if shared.locked.replace(true) {
                shared.waiting.borrow_mut().push(cx.waker().clone());
                return Poll::Pending;
            }
            let lock: Box<dyn Any> = Box::new(Lock { shared: Rc::clone(&shared) });
            Poll::Ready(Ok(lock))
        }))
    }

    fn tell(&self, event: &Event) {
        let listeners = self.shared.listeners.borrow().clone();
        for (_, listener) in listeners.iter().filter(|(id, _)| *id != self.id) {
            if let Some(hear) = listener.upgrade() {
                hear(event.clone());
            }
        }
    }

    fn listen(&self, hear: Rc<dyn Fn(Event)>) -> Box<dyn Any> {
        let mut listeners = self.shared.listeners.borrow_mut();
        listeners.retain(|(_, listener)| listener.strong_count() > 0);
        listeners.push((self.id, Rc::downgrade(&hear)));
        Box::new(hear)
    }
}
