//! Databases that the browser keeps for an origin (IndexedDB).

use std::cell::Cell;
use std::rc::Rc;

use idb::{DatabaseEvent, Factory, Transaction, TransactionMode, TransactionResult};
use js_sys::Reflect;
use wasm_bindgen::JsValue;
use web_sys::DomException;

/// Why something was not done with a database.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DatabaseError {
    /// The page has none.
    #[error(transparent)]
    Unavailable(idb::Error),
    /// The browser says so.
    #[error(transparent)]
    Browser(#[from] idb::Error),
    /// Nothing of a transaction was stored, as when the page was left or the disk is full.
    #[error("the transaction was aborted")]
    Aborted,
}

impl DatabaseError {
    /// What the browser calls it. Source: the Indexed Database API's section on exceptions.
    pub(crate) fn name(&self) -> Option<String> {
        use idb::Error as E;
        let Self::Browser(error) = self else { return None };
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
}

/// An open database, until this is dropped.
#[derive(Debug)]
pub(crate) struct Database(idb::Database);

impl Database {
    /// Opens the database of this name. If it is not there, it is made, and `make` its stores.
    pub(crate) async fn open(
        name: &str,
        version: u32,
        make: impl FnOnce(&idb::Database) -> Result<(), idb::Error> + 'static,
    ) -> Result<Self, DatabaseError> {
        let mut request = factory()?.open(name, Some(version))?;
        let failure = Rc::new(Cell::new(None));
        let told = Rc::clone(&failure);
        request.on_upgrade_needed(move |event| {
            told.set(event.database().and_then(|database| make(&database)).err());
        });
        let mut database = Self(request.await?);
        if let Some(error) = failure.take() {
            return Err(error.into());
        }
        // Who deletes or upgrades the database must not wait for this tab.
        database.0.on_version_change(|event| {
            if let Some(Ok(database)) = event.target().map(idb::Database::try_from) {
                database.close();
            }
        });
        Ok(database)
    }

    /// Deletes the database of this name, if it is there.
    pub(crate) async fn delete(name: &str) -> Result<(), DatabaseError> {
        Ok(factory()?.delete(name)?.await?)
    }

    /// Begins a transaction in these stores.
    pub(crate) fn begin(
        &self,
        stores: &[&str],
        mode: TransactionMode,
    ) -> Result<Transaction, idb::Error> {
        self.0.transaction(stores, mode)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.0.close();
    }
}

fn factory() -> Result<Factory, DatabaseError> {
    Factory::new().map_err(DatabaseError::Unavailable)
}

/// Waits until all of a transaction is stored.
pub(crate) async fn commit(transaction: Transaction) -> Result<(), DatabaseError> {
    match transaction.commit()?.await? {
        TransactionResult::Committed => Ok(()),
        TransactionResult::Aborted => Err(DatabaseError::Aborted),
    }
}
