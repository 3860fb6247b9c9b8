//! Where entries are, and how tabs agree: what an outbox needs from its surroundings.

use core::any::Any;
use core::fmt;
use std::rc::Rc;

use super::error::{PublishError, StorageError, TabsError};
use super::event::Event;
use crate::platform::LocalBoxFuture;

/// How much an outbox may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// How many entries.
    pub messages: u64,
    /// How large they may be together, in bytes as they are stored.
    pub bytes: u64,
}

impl Default for Bounds {
    /// 1,000 entries, 16 MiB.
    fn default() -> Self {
        Self { messages: 1_000, bytes: 16 * 1_024 * 1_024 }
    }
}

impl Bounds {
    /// Whether there is room for one more of this size beside what is there.
    ///
    /// # Errors
    /// [`PublishError::MaxMessages`], [`PublishError::MaxBytes`].
    pub fn check(&self, messages: u64, bytes: u64, size: u64) -> Result<(), PublishError> {
        if messages >= self.messages {
            return Err(PublishError::MaxMessages { limit: self.messages });
        }
        if bytes.saturating_add(size) > self.bytes {
            return Err(PublishError::MaxBytes { size, limit: self.bytes });
        }
        Ok(())
    }
}

/// Stored bytes, and their number.
pub type Numbered = (u64, Vec<u8>);

/// Stored bytes by number. Each call is done whole or not at all, whatever other tabs do.
///
/// # Errors
/// Every call can fail with any [`StorageError`].
pub trait Storage {
    /// Stores bytes under the next number, which is larger than all before, if the bounds allow it.
    fn add<'a>(
        &'a self,
        record: &'a [u8],
        bounds: Bounds,
    ) -> LocalBoxFuture<'a, Result<u64, PublishError>>;

    /// What has this number.
    fn get(&self, number: u64) -> LocalBoxFuture<'_, Result<Option<Vec<u8>>, StorageError>>;

    /// Everything, by rising numbers.
    fn list(&self) -> LocalBoxFuture<'_, Result<Vec<Numbered>, StorageError>>;

    /// Puts bytes in the place of others, and says whether there were any: else nothing is stored.
    fn replace<'a>(
        &'a self,
        number: u64,
        record: &'a [u8],
    ) -> LocalBoxFuture<'a, Result<bool, StorageError>>;

    /// Deletes what has this number, and says whether there was anything.
    fn remove(&self, number: u64) -> LocalBoxFuture<'_, Result<bool, StorageError>>;

    /// Deletes everything, and says how many there were. Numbers go on rising.
    fn clear(&self) -> LocalBoxFuture<'_, Result<u64, StorageError>>;
}

/// The tabs that share a [`Storage`], as one of them sees the others.
pub trait Tabs {
    /// Waits until no other tab sends. This one does until what is returned is dropped; dropping the
    /// future gives up the wait.
    fn lock(&self) -> LocalBoxFuture<'static, Result<Box<dyn Any>, TabsError>>;

    /// Tells the others of something. Those that are closed or asleep miss it.
    fn tell(&self, event: &Event);

    /// Calls `hear` with what the others tell, until what is returned is dropped.
    fn listen(&self, hear: Rc<dyn Fn(Event)>) -> Box<dyn Any>;
}

/// Where an outbox's entries are, and who else has them.
#[derive(Clone)]
pub struct Backing {
    /// The entries.
    pub storage: Rc<dyn Storage>,
    /// The other tabs.
    pub tabs: Rc<dyn Tabs>,
}

impl fmt::Debug for Backing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Backing")
    }
}
