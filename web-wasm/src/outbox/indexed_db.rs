//! An outbox's entries in IndexedDB.

use idb::{ObjectStore, ObjectStoreParams, Transaction, TransactionMode};
use js_sys::Uint8Array;
use wasm_bindgen::{JsCast, JsValue};

use super::error::{PublishError, StorageError};
use super::storage::{Bounds, Numbered, Storage};
use crate::platform::LocalBoxFuture;
use crate::platform::database::{Database, DatabaseError, commit};

const VERSION: u32 = 1;
/// The entries, by numbers that the store gives them.
const ENTRIES: &str = "entries";
/// What they amount to, so that nobody has to read them all for it.
const TOTALS: &str = "totals";
const BYTES: &str = "bytes";

/// A database of its own for each outbox and owner: entries by number, and how large they are
/// together, which every transaction that changes the entries changes with them.
#[derive(Debug)]
pub struct IndexedDb {
    database: Database,
}

impl IndexedDb {
    /// Opens the database of this name, which is made if it is not there.
    ///
    /// # Errors
    /// [`StorageError`]: `Unavailable` where the browser has none for this page, `NewerVersion`.
    ///
    /// # Cancel safety
    /// If the future is dropped, an empty database may have been made.
    pub async fn open(name: &str) -> Result<Self, StorageError> {
        let make = |database: &idb::Database| {
            let mut params = ObjectStoreParams::new();
            params.auto_increment(true);
            database.create_object_store(ENTRIES, params)?;
            database.create_object_store(TOTALS, ObjectStoreParams::new()).map(drop)
        };
        match Database::open(name, VERSION, make).await {
            Ok(database) => Ok(Self { database }),
            Err(error) => Err(match error.into() {
                StorageError::Failed { problem } => StorageError::Unavailable { problem },
                named => named,
            }),
        }
    }

    /// Deletes the database of this name, if it is there. Who has it open loses it; one that does not
    /// let go of it, which this crate's own always do, is waited for.
    ///
    /// # Errors
    /// [`StorageError`].
    ///
    /// # Cancel safety
    /// If the future is dropped, it may have been deleted or not.
    pub async fn delete(name: &str) -> Result<(), StorageError> {
        Ok(Database::delete(name).await?)
    }

    fn begin(&self, mode: TransactionMode) -> Result<Changing, DatabaseError> {
        let transaction = self.database.begin(&[ENTRIES, TOTALS], mode)?;
        let entries = transaction.object_store(ENTRIES)?;
        let totals = transaction.object_store(TOTALS)?;
        Ok(Changing { transaction, entries, totals })
    }

    async fn try_add(&self, record: &[u8], bounds: Bounds) -> Result<Added, DatabaseError> {
        let changing = self.begin(TransactionMode::ReadWrite)?;
        let messages = u64::from(changing.entries.count(None)?.await?);
        let bytes = changing.bytes().await?;
        let size = record.len() as u64;
        if let Err(full) = bounds.check(messages, bytes, size) {
            return Ok(Err(full));
        }
        let number = changing.entries.add(&Uint8Array::from(record), None)?.await?;
        changing.set_bytes(bytes.saturating_add(size)).await?;
        commit(changing.transaction).await?;
        Ok(Ok(to_number(&number)))
    }

    async fn try_replace(&self, number: u64, record: &[u8]) -> Result<bool, DatabaseError> {
        let changing = self.begin(TransactionMode::ReadWrite)?;
        let Some(before) = changing.entries.get(key(number))?.await? else { return Ok(false) };
        changing.entries.put(&Uint8Array::from(record), Some(&key(number)))?.await?;
        let bytes = changing.bytes().await?.saturating_sub(size(&before));
        changing.set_bytes(bytes.saturating_add(record.len() as u64)).await?;
        commit(changing.transaction).await?;
        Ok(true)
    }

    async fn try_remove(&self, number: u64) -> Result<bool, DatabaseError> {
        let changing = self.begin(TransactionMode::ReadWrite)?;
        let Some(before) = changing.entries.get(key(number))?.await? else { return Ok(false) };
        changing.entries.delete(key(number))?.await?;
        changing.set_bytes(changing.bytes().await?.saturating_sub(size(&before))).await?;
        commit(changing.transaction).await?;
        Ok(true)
    }

    async fn try_clear(&self) -> Result<u64, DatabaseError> {
        let changing = self.begin(TransactionMode::ReadWrite)?;
        let messages = u64::from(changing.entries.count(None)?.await?);
        changing.entries.clear()?.await?;
        changing.set_bytes(0).await?;
        commit(changing.transaction).await?;
        Ok(messages)
    }

    async fn try_get(&self, number: u64) -> Result<Option<Vec<u8>>, DatabaseError> {
        let reading = self.begin(TransactionMode::ReadOnly)?;
        let found = reading.entries.get(key(number))?.await?;
        Ok(found.as_ref().map(to_bytes))
    }

    async fn try_list(&self) -> Result<Vec<Numbered>, DatabaseError> {
        let reading = self.begin(TransactionMode::ReadOnly)?;
        let numbers = reading.entries.get_all_keys(None, None)?.await?;
        let records = reading.entries.get_all(None, None)?.await?;
        let numbers = numbers.iter().map(to_number);
        Ok(numbers.zip(records.iter().map(to_bytes)).collect())
    }
}

type Added = Result<u64, PublishError>;

/// A transaction and its stores.
struct Changing {
    transaction: Transaction,
    entries: ObjectStore,
    totals: ObjectStore,
}

impl Changing {
    async fn bytes(&self) -> Result<u64, idb::Error> {
        let bytes = self.totals.get(JsValue::from_str(BYTES))?.await?;
        Ok(bytes.as_ref().map_or(0, to_number))
    }

    async fn set_bytes(&self, bytes: u64) -> Result<(), idb::Error> {
        self.totals.put(&key(bytes), Some(&JsValue::from_str(BYTES)))?.await.map(drop)
    }
}

impl Storage for IndexedDb {
    fn add<'a>(
        &'a self,
        record: &'a [u8],
        bounds: Bounds,
    ) -> LocalBoxFuture<'a, Result<u64, PublishError>> {
        Box::pin(async move {
            let added = self.try_add(record, bounds).await;
            added.unwrap_or_else(|error| Err(StorageError::from(error).into()))
        })
    }

    fn get(&self, number: u64) -> LocalBoxFuture<'_, Result<Option<Vec<u8>>, StorageError>> {
        Box::pin(async move { Ok(self.try_get(number).await?) })
    }

    fn list(&self) -> LocalBoxFuture<'_, Result<Vec<Numbered>, StorageError>> {
        Box::pin(async move { Ok(self.try_list().await?) })
    }

    fn replace<'a>(
        &'a self,
        number: u64,
        record: &'a [u8],
    ) -> LocalBoxFuture<'a, Result<bool, StorageError>> {
        Box::pin(async move { Ok(self.try_replace(number, record).await?) })
    }

    fn remove(&self, number: u64) -> LocalBoxFuture<'_, Result<bool, StorageError>> {
        Box::pin(async move { Ok(self.try_remove(number).await?) })
    }

    fn clear(&self) -> LocalBoxFuture<'_, Result<u64, StorageError>> {
        Box::pin(async move { Ok(self.try_clear().await?) })
    }
}

/// Numbers stay far below 2⁵³, up to which JavaScript's are exact: the store counts from 1.
fn key(number: u64) -> JsValue {
    JsValue::from_f64(number as f64)
}

fn to_number(value: impl AsRef<JsValue>) -> u64 {
    value.as_ref().as_f64().unwrap_or_default() as u64
}

/// What is stored; nothing where that is no bytes, which no record is.
fn to_bytes(value: impl AsRef<JsValue>) -> Vec<u8> {
    value.as_ref().dyn_ref::<Uint8Array>().map(Uint8Array::to_vec).unwrap_or_default()
}

fn size(value: &JsValue) -> u64 {
    value.dyn_ref::<Uint8Array>().map_or(0, |bytes| u64::from(bytes.length()))
}

impl From<DatabaseError> for StorageError {
    /// The error by the name that the browser gives it.
    fn from(error: DatabaseError) -> Self {
        if let DatabaseError::Unavailable(error) = error {
            return Self::Unavailable { problem: error.to_string() };
        }
        match error.name().as_deref() {
            Some("QuotaExceededError") => Self::QuotaExceeded,
            Some("VersionError") => Self::NewerVersion,
            Some("InvalidStateError") => Self::Closed,
            _ => Self::Failed { problem: error.to_string() },
        }
    }
}
