//! Naming banned keys in the account's JWT, where this service may hold the operator's signing key.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use tokio::{sync::Mutex, time::sleep};
use url::Url;

use super::Ban;
use crate::{
    clock::unix_now,
    provision::{KeysDir, UpdateError, push::PushError, revoke::revoke},
};

/// Attempts to have the directory for itself, and the wait between.
const ATTEMPTS: u32 = 20;
const WAIT: Duration = Duration::from_millis(100);

/// The account's JWT was not changed, or the servers do not know of it.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// The keys directory was not changed.
    #[error(transparent)]
    Update(#[from] UpdateError),
    /// The servers were not told.
    #[error(transparent)]
    Push(#[from] PushError),
}

/// Changes the account's JWT in a keys directory and tells the servers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Signer {
    dir: PathBuf,
    urls: Arc<[Url]>,
    ca_file: Option<PathBuf>,
    /// Within this process, before the directory's lock.
    turn: Arc<Mutex<()>>,
}

impl Signer {
    /// One that works in this directory and tells these servers, whose certificates must be of
    /// `ca_file` if that is given.
    #[must_use]
    pub fn new(dir: PathBuf, urls: &[Url], ca_file: Option<PathBuf>) -> Self {
        Self { dir, urls: urls.into(), ca_file, turn: Arc::default() }
    }

    /// Names the ban's keys. When this returns, the servers know.
    ///
    /// # Errors
    /// One variant of [`SignerError`] for each of the two steps.
    ///
    /// # Cancel safety
    /// Cancelling leaves it open whether the servers know; doing it again is harmless.
    pub async fn revoke(&self, ban: &Ban) -> Result<(), SignerError> {
        let _turn = self.turn.lock().await;
        let dir = self.open().await?;
        let now = unix_now();
        let users: BTreeMap<_, _> =
            ban.nkeys.iter().map(|nkey| (nkey.clone(), ban.since)).collect();
        let update = revoke(&dir, &users, false, now)?;
        if !update.changes.is_empty() {
            dir.commit(&update).map_err(UpdateError::from)?;
        }
        let ca_file = self.ca_file.as_deref();
        crate::provision::push::push(&dir, &self.urls, ca_file, None, now).await?;
        Ok(())
    }

    /// The directory, as soon as no `api roles` or `api revoke` has it.
    async fn open(&self) -> Result<KeysDir, UpdateError> {
        for _ in 1..ATTEMPTS {
            match KeysDir::open(&self.dir) {
                Err(UpdateError::Busy(_)) => sleep(WAIT).await,
                other => return other,
            }
        }
        KeysDir::open(&self.dir)
    }
}
