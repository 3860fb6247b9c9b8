//! An outbox's entries in IndexedDB.

use std::cell::Cell;
use std::rc::Rc;

use idb::{
    Database, DatabaseEvent, Factory, ObjectStore, ObjectStoreParams, Transaction, TransactionMode,
    TransactionResult,
};
use js_sys::{Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::DomException;

use super::error::{PublishError, StorageError};
use super::storage::{Bounds, Numbered, Storage};
use crate::platform::LocalBoxFuture;

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
        let factory = Factory::new().map_err(|error| unavailable(&error))?;
        let mut request = factory.open(name, Some(VERSION)).map_err(|error| unavailable(&error))?;
        let failure = Rc::new(Cell::new(None));
        let told = Rc::clone(&failure);
        request.on_upgrade_needed(move |event| {
            let created = event.database().and_then(|database| {
                let mut params = ObjectStoreParams::new();
                params.auto_increment(true);
                database.create_object_store(ENTRIES, params)?;
                database.create_object_store(TOTALS, ObjectStoreParams::new()).map(drop)
            });
            told.set(created.err());
        });
        let mut database = request.await.map_err(|error| match storage_error(&error) {
            StorageError::Failed { problem } => StorageError::Unavailable { problem },
            named => named,
        })?;
        if let Some(error) = failure.take() {
            return Err(storage_error(&error));
        }
        // Who deletes or upgrades the database must not wait for this tab.
        database.on_version_change(|event| {
            let database = event.target().map(Database::try_from);
            if let Some(Ok(database)) = database {
                database.close();
            }
        });
        Ok(Self { database })
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
        let factory = Factory::new().map_err(|error| unavailable(&error))?;
        let request = factory.delete(name).map_err(|error| storage_error(&error))?;
        request.await.map_err(|error| storage_error(&error))
    }

    fn begin(&self, mode: TransactionMode) -> Result<Changing, idb::Error> {
        let transaction = self.database.transaction(&[ENTRIES, TOTALS], mode)?;
        let entries = transaction.object_store(ENTRIES)?;
        let totals = transaction.object_store(TOTALS)?;
        Ok(Changing { transaction, entries, totals })
    }

    async fn try_add(&self, record: &[u8], bounds: Bounds) -> Result<Added, idb::Error> {
        let changing = self.begin(TransactionMode::ReadWrite)?;
        let messages = u64::from(changing.entries.count(None)?.await?);
        let bytes = changing.bytes().await?;
        let size = record.len() as u64;
        if let Err(full) = bounds.check(messages, bytes, size) {
            return Ok(Err(full));
        }
        let number = changing.entries.add(&Uint8Array::from(record), None)?.await?;
        changing.set_bytes(bytes.saturating_add(size)).await?;
        let done = changing.done().await?;
        Ok(done.map_err(PublishError::from).map(|()| to_number(&number)))
    }

    async fn try_replace(&self, number: u64, record: &[u8]) -> Result<Done<bool>, idb::Error> {
        let changing = self.begin(TransactionMode::ReadWrite)?;
        let Some(before) = changing.entries.get(key(number))?.await? else { return Ok(Ok(false)) };
        changing.entries.put(&Uint8Array::from(record), Some(&key(number)))?.await?;
        let bytes = changing.bytes().await?.saturating_sub(size(&before));
        changing.set_bytes(bytes.saturating_add(record.len() as u64)).await?;
        Ok(changing.done().await?.map(|()| true))
    }

    async fn try_remove(&self, number: u64) -> Result<Done<bool>, idb::Error> {
        let changing = self.begin(TransactionMode::ReadWrite)?;
        let Some(before) = changing.entries.get(key(number))?.await? else { return Ok(Ok(false)) };
        changing.entries.delete(key(number))?.await?;
        changing.set_bytes(changing.bytes().await?.saturating_sub(size(&before))).await?;
        Ok(changing.done().await?.map(|()| true))
    }

    async fn try_clear(&self) -> Result<Done<u64>, idb::Error> {
        let changing = self.begin(TransactionMode::ReadWrite)?;
        let messages = u64::from(changing.entries.count(None)?.await?);
        changing.entries.clear()?.await?;
        changing.set_bytes(0).await?;
        Ok(changing.done().await?.map(|()| messages))
    }

    async fn try_list(&self) -> Result<Vec<Numbered>, idb::Error> {
        let reading = self.begin(TransactionMode::ReadOnly)?;
        let numbers = reading.entries.get_all_keys(None, None)?.await?;
        let records = reading.entries.get_all(None, None)?.await?;
        let numbers = numbers.iter().map(to_number);
        Ok(numbers.zip(records.iter().map(to_bytes)).collect())
    }
}

impl Drop for IndexedDb {
    fn drop(&mut self) {
        self.database.close();
    }
}

type Done<T> = Result<T, StorageError>;
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

    /// Waits until all of it is stored, or none.
    async fn done(self) -> Result<Done<()>, idb::Error> {
        match self.transaction.commit()?.await? {
            TransactionResult::Committed => Ok(Ok(())),
            TransactionResult::Aborted => {
                let problem = "the transaction was aborted".into();
                Ok(Err(StorageError::Failed { problem }))
            }
        }
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
            added.unwrap_or_else(|error| Err(storage_error(&error).into()))
        })
    }

    fn get(&self, number: u64) -> LocalBoxFuture<'_, Result<Option<Vec<u8>>, StorageError>> {
        Box::pin(async move {
            let reading = async {
                let reading = self.begin(TransactionMode::ReadOnly)?;
                reading.entries.get(key(number))?.await
            };
            let found = reading.await.map_err(|error| storage_error(&error))?;
            Ok(found.as_ref().map(to_bytes))
        })
    }

    fn list(&self) -> LocalBoxFuture<'_, Result<Vec<Numbered>, StorageError>> {
        Box::pin(async move { self.try_list().await.map_err(|error| storage_error(&error)) })
    }

    fn replace<'a>(
        &'a self,
        number: u64,
        record: &'a [u8],
    ) -> LocalBoxFuture<'a, Result<bool, StorageError>> {
        Box::pin(async move { whole(self.try_replace(number, record).await) })
    }

    fn remove(&self, number: u64) -> LocalBoxFuture<'_, Result<bool, StorageError>> {
        Box::pin(async move { whole(self.try_remove(number).await) })
    }

    fn clear(&self) -> LocalBoxFuture<'_, Result<u64, StorageError>> {
        Box::pin(async move { whole(self.try_clear().await) })
    }
}

fn whole<T>(done: Result<Done<T>, idb::Error>) -> Done<T> {
    done.unwrap_or_else(|error| Err(storage_error(&error)))
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

fn unavailable(error: &idb::Error) -> StorageError {
    StorageError::Unavailable { problem: error.to_string() }
}

/// The error by the name that the browser gives it. Source: the Indexed Database API's section on
/// exceptions.
fn storage_error(error: &idb::Error) -> StorageError {
    match exception_name(error).as_deref() {
        Some("QuotaExceededError") => StorageError::QuotaExceeded,
        Some("VersionError") => StorageError::NewerVersion,
        Some("InvalidStateError") => StorageError::Closed,
        _ => StorageError::Failed { problem: error.to_string() },
    }
}

fn exception_name(error: &idb::Error) -> Option<String> {
    use idb::Error as E;
    let value: &JsValue = match error {
        E::DomException(exception) => return Some(DomException::name(exception)),
        E::AddFailed(value)
        | E::ClearFailed(value)
        | E::CountFailed(value)
        | E::DeleteFailed(value)
        | E::GetAllFailed(value)
        | E::GetAllKeysFailed(value)
        | E::GetFailed(value)
        | E::IndexedDbDeleteFailed(value)
        | E::IndexedDbOpenFailed(value)
        | E::ObjectStoreNotFound(value)
        | E::TransactionCommitError(value)
        | E::TransactionOpenFailed(value)
        | E::UpdateFailed(value) => value,
        _ => return None,
    };
    Reflect::get(value, &"name".into()).ok()?.as_string()
}
