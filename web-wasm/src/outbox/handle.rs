//! The handle on an outbox.

use core::any::Any;
use core::fmt;
use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use futures_channel::{mpsc, oneshot};
use nats_proto::Subject;
use nats_proto::jetstream::PublishMessage;
use nats_proto::outbox::{Record, SetAside};
use nats_proto::subject::validate_publish;

use super::entry::{Entry, State};
use super::error::{PublishError, StorageError};
use super::event::{Event, Events};
use super::inner::Inner;
use super::options::Options;
use super::queued::{Acknowledged, Queued};
use super::sender::Sender;
use super::storage::Backing;
use crate::jetstream::{Context, headers};

/// An outbox. Cloning it is cheap; all clones are the same. It keeps its client open, and closes when
/// the last clone is dropped: entries stay, and are sent when it is opened again.
#[derive(Clone)]
pub struct Outbox {
    handle: Rc<Handle>,
}

struct Handle {
    inner: Rc<Inner>,
    done: RefCell<Option<oneshot::Receiver<()>>>,
    _listening: Box<dyn Any>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.inner.signal_close();
    }
}

impl Outbox {
    /// Opens the outbox in the browser's IndexedDB, in a window or a worker. Entries from before are
    /// sent as soon as there is a connection.
    ///
    /// # Errors
    /// [`OpenError`](super::OpenError).
    ///
    /// # Cancel safety
    /// If the future is dropped, an empty database may have been made.
    #[cfg(target_arch = "wasm32")]
    pub async fn open(jetstream: &Context, options: Options) -> Result<Self, super::OpenError> {
        let tabs = Rc::new(super::browser_tabs::BrowserTabs::new(&options.key())?);
        let storage = Rc::new(super::IndexedDb::open(&options.key()).await?);
        Ok(Self::open_with(jetstream, Backing { storage, tabs }, options))
    }

    /// Deletes the outbox of this name and owner with all its entries, as when somebody signs out for
    /// good. Tabs that have it open lose it.
    ///
    /// # Errors
    /// [`StorageError`].
    ///
    /// # Cancel safety
    /// If the future is dropped, it may have been deleted or not.
    #[cfg(target_arch = "wasm32")]
    pub async fn delete(name: &str, owner: &str) -> Result<(), StorageError> {
        super::IndexedDb::delete(&super::options::key(name, owner)).await
    }

    /// Opens an outbox whose entries are elsewhere, as in [`Memory`](super::Memory). Name and owner are
    /// then not looked at.
    pub fn open_with(jetstream: &Context, backing: Backing, options: Options) -> Self {
        let (signals, received) = mpsc::unbounded();
        let inner = Rc::new(Inner::new(jetstream.client(), options, backing, signals));
        let hear = {
            let inner = Rc::downgrade(&inner);
            move |event| {
                if let Some(inner) = inner.upgrade() {
                    inner.hear(event);
                }
            }
        };
        let listening = inner.backing.tabs.listen(Rc::new(hear));
        let (done, is_done) = oneshot::channel();
        let sender = Sender::new(Rc::clone(&inner), received, done);
        inner.client.shared().runtime.platform.spawn(Box::pin(sender.run()));
        let done = RefCell::new(Some(is_done));
        Self { handle: Rc::new(Handle { inner, done, _listening: listening }) }
    }

    fn inner(&self) -> &Rc<Inner> {
        &self.handle.inner
    }

    /// Puts a message into the outbox. Returns when it is stored here; what is returned is ready when a
    /// stream has it. A message without an id gets one.
    ///
    /// # Errors
    /// [`PublishError`]; then it is not stored. `MaxMessages` and `MaxBytes` when the outbox is full.
    ///
    /// # Cancel safety
    /// If the future is dropped before it is ready, the message may have been stored, and is then sent
    /// at the latest when the outbox is opened again.
    pub async fn publish(
        &self,
        subject: impl Into<Subject>,
        message: PublishMessage,
    ) -> Result<Queued, PublishError> {
        let inner = self.inner();
        if inner.closed.get() {
            return Err(PublishError::Closed);
        }
        let subject = subject.into();
        validate_publish(&subject).map_err(PublishError::InvalidSubject)?;
        let (payload, own) = message.into_parts()?;
        let mut own = own.unwrap_or_default();
        let id = match own.get(headers::MESSAGE_ID) {
            Some(id) => id.to_string(),
            None => inner.client.new_nuid(),
        };
        let repeatable = PublishMessage::build().headers(own.clone()).message_id(&id);
        if !repeatable.is_repeatable() {
            return Err(PublishError::NotRepeatable);
        }
        own.remove(headers::MESSAGE_ID);
        let record = Record {
            subject,
            headers: (!own.is_empty()).then_some(own),
            payload,
            id: id.clone(),
            made_at: inner.unix_time(),
            sent_since: None,
            set_aside: None,
        };
        let bounds = inner.options.bounds;
        let number = inner.backing.storage.add(&record.encode(), bounds).await?;
        let answer = inner.wait_for(number);
        inner.announce(Event::Queued { number });
        Ok(Queued { number, id, acknowledged: Acknowledged { answer } })
    }

    /// The acknowledgement of an entry, as of one that an earlier page stored.
    ///
    /// # Errors
    /// Any [`StorageError`].
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn acknowledged(&self, number: u64) -> Result<Acknowledged, StorageError> {
        let answer = self.inner().wait_for(number);
        self.inner().look_for_waiters().await;
        Ok(Acknowledged { answer })
    }

    /// All entries by their numbers, those that were set aside or can't be read included.
    ///
    /// # Errors
    /// Any [`StorageError`].
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn list(&self) -> Result<Vec<Entry>, StorageError> {
        let entries = self.inner().backing.storage.list().await?;
        let entry = |(number, bytes): (u64, Vec<u8>)| {
            let size = bytes.len() as u64;
            Entry { number, size, record: Record::decode(&Bytes::from(bytes)) }
        };
        Ok(entries.into_iter().map(entry).collect())
    }

    /// How full it is, and what with. It reads all entries.
    ///
    /// # Errors
    /// Any [`StorageError`].
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn state(&self) -> Result<State, StorageError> {
        let mut state = State::default();
        for Entry { size, record, .. } in self.list().await? {
            state.bytes += size;
            match record.as_ref().map(|record| &record.set_aside) {
                Err(_) => state.corrupt += 1,
                Ok(Some(SetAside::Expired { .. })) => state.expired += 1,
                Ok(Some(SetAside::InDoubt { .. })) => state.in_doubt += 1,
                Ok(Some(_)) => state.refused += 1,
                Ok(None) => state.pending += 1,
            }
            if let Ok(Record { set_aside: None, made_at, .. }) = record {
                state.oldest = Some(state.oldest.map_or(made_at, |oldest| oldest.min(made_at)));
            }
        }
        state.sending = self.inner().sending.get();
        state.in_flight = self.inner().in_flight.get();
        Ok(state)
    }

    /// What happens from now on, in every tab.
    pub fn events(&self) -> Events {
        Events { queue: self.inner().add_listener() }
    }

    /// Removes an entry, and says whether it was there. One that is on its way may be stored all the
    /// same.
    ///
    /// # Errors
    /// Any [`StorageError`].
    ///
    /// # Cancel safety
    /// If the future is dropped, the entry may have been removed.
    pub async fn remove(&self, number: u64) -> Result<bool, StorageError> {
        let removed = self.inner().backing.storage.remove(number).await?;
        if removed {
            self.inner().announce(Event::Removed { number });
        }
        Ok(removed)
    }

    /// Sends an entry that was set aside, in the place that its number has, and says whether there was
    /// one. Its age counts from now if it had expired. One that was in doubt is sent with the same id,
    /// and may be stored twice.
    ///
    /// # Errors
    /// Any [`StorageError`].
    ///
    /// # Cancel safety
    /// If the future is dropped, the entry may be sent, at the latest when the outbox is opened again.
    pub async fn retry(&self, number: u64) -> Result<bool, StorageError> {
        let now = self.inner().unix_time();
        let revive = |record: &mut Record| {
            let reason = record.set_aside.take();
            if let Some(SetAside::Expired { .. }) = reason {
                record.made_at = now;
            }
            record.sent_since = None;
            reason.is_some()
        };
        let revived = self.inner().change(number, revive).await?.is_some();
        if revived {
            self.inner().announce(Event::Retried { number });
        }
        Ok(revived)
    }

    /// Removes all entries, and says how many there were. One that is on its way may be stored all the
    /// same.
    ///
    /// # Errors
    /// Any [`StorageError`].
    ///
    /// # Cancel safety
    /// If the future is dropped, the entries may have been removed.
    pub async fn clear(&self) -> Result<u64, StorageError> {
        let removed = self.inner().backing.storage.clear().await?;
        self.inner().announce(Event::Cleared);
        Ok(removed)
    }

    /// Closes the outbox, for every clone. Entries stay. Ready when another tab may send.
    ///
    /// # Cancel safety
    /// If the future is dropped, it closes all the same.
    pub async fn close(&self) {
        self.inner().signal_close();
        let done = self.handle.done.take();
        if let Some(done) = done {
            done.await.ok();
        }
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox")
            .field("name", &self.inner().options.name)
            .field("sending", &self.inner().sending.get())
            .finish_non_exhaustive()
    }
}
