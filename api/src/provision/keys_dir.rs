//! A keys directory that `init` made, opened to be changed.

use std::{
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use super::{
    PlannedFile, WriteError,
    account::MAX_ACCOUNT_JWT_BYTES,
    keys::FreshKeysError,
    write::{read_if_there, replace},
};
use crate::{
    claims::{
        AccountClaims, AccountPair, Claims, DecodeError, Jwt, KeyPair, OperatorPair, SignError,
        key::Role as KeyRole,
    },
    keys::{self, KeyFileError, Problem, ServiceCredentials, file, names},
    mint::RoleName,
};

/// A keys directory was not changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// It is not there.
    #[error("the keys directory {} cannot be opened (`api init` makes it)", path.display())]
    Open {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Somebody else is changing it.
    #[error("another `api` is changing {}; try again when it is done", .0.display())]
    Busy(PathBuf),
    /// A key file cannot be used. The operator's is needed to sign the account.
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    /// `auth.conf` is not what `init` wrote.
    #[error("{} does not hold the account's JWT that account.jwt holds", .0.display())]
    AuthConf(PathBuf),
    /// The roles are more than one token can tell.
    #[error(
        "the account's JWT would have {actual} bytes, more than the {MAX_ACCOUNT_JWT_BYTES} that \
         can be sent to a running server: fewer roles or fewer subjects are needed"
    )]
    TooLarge {
        /// Bytes it would have.
        actual: usize,
    },
    /// The account has no such role.
    #[error("the account's JWT has no role {0}; `api roles apply` adds it")]
    NoRole(RoleName),
    /// A rotation has been begun.
    #[error(
        "the role {0} has a next key already: go on with `api roles switch-key {0}`, or with \
         `api roles retire-key {0}` if that was done"
    )]
    HasNextKey(RoleName),
    /// A rotation has not been begun.
    #[error("the role {0} has no next key; `api roles new-key {0}` makes one")]
    NoNextKey(RoleName),
    /// There is nothing to retire.
    #[error("the role {0} has no key but the one in use")]
    NothingToRetire(RoleName),
    /// A key is in use that the account does not know.
    #[error("the account's JWT does not know the key that the role {0} would sign with")]
    UnknownKey(RoleName),
    /// A key could not be made.
    #[error(transparent)]
    FreshKeys(#[from] FreshKeysError),
    /// A token could not be signed.
    #[error("a token could not be signed")]
    Sign(#[from] SignError),
    /// A key could not be written out.
    #[error("a key could not be written out")]
    Seed(#[source] nkeys::error::Error),
    /// A file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// What changes in a keys directory, in this order: files to write, then files to remove. A crash
/// half-way leaves keys that nobody uses yet, or files that nobody uses any more.
#[derive(Debug, Default)]
pub struct Update {
    /// Files that are made or replaced.
    pub files: Vec<PlannedFile>,
    /// Names of files that go.
    pub removed: Vec<String>,
    /// What it comes to, for people; empty if nothing changes.
    pub changes: Vec<String>,
}

/// A keys directory that nobody else changes meanwhile.
#[derive(Debug)]
pub struct KeysDir {
    path: PathBuf,
    /// Unlocked when it is closed.
    _lock: File,
}

impl KeysDir {
    /// Opens the directory for this process alone.
    ///
    /// # Errors
    /// * [`UpdateError::Open`]: it is not there.
    /// * [`UpdateError::Busy`]: another process has it.
    pub fn open(path: &Path) -> Result<Self, UpdateError> {
        let open = |source| UpdateError::Open { path: path.to_owned(), source };
        let lock = File::open(path).map_err(open)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(UpdateError::Busy(path.to_owned())),
            Err(TryLockError::Error(source)) => Err(open(source)),
        }
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A key pair.
    ///
    /// # Errors
    /// [`KeyFileError`], which names the file.
    pub(super) fn pair<R: KeyRole>(&self, name: &str) -> Result<KeyPair<R>, KeyFileError> {
        let path = self.path.join(name);
        let seed = file::read(&path)?;
        KeyPair::from_seed(seed.trim_end())
            .map_err(|source| KeyFileError::new(&path, Problem::Key(source)))
    }

    /// A key pair that may have been taken elsewhere.
    pub(super) fn pair_if_there<R: KeyRole>(
        &self,
        name: &str,
    ) -> Result<Option<KeyPair<R>>, KeyFileError> {
        match self.pair(name) {
            Err(error) if matches!(error.problem(), Problem::Missing) => Ok(None),
            other => other.map(Some),
        }
    }

    /// The account's JWT, signed by the operator whose seed is here.
    pub(super) fn account(
        &self,
        operator: &OperatorPair,
    ) -> Result<Claims<AccountClaims>, KeyFileError> {
        let account = keys::load_account(&self.path)?;
        if account.iss != *operator.public() {
            let problem = Problem::Jwt(DecodeError::UnknownIssuer);
            return Err(KeyFileError::new(&self.path.join(names::ACCOUNT_JWT), problem));
        }
        Ok(account)
    }

    /// The service user, if it has not been taken elsewhere.
    pub(super) fn service(&self) -> Result<Option<ServiceCredentials>, KeyFileError> {
        match keys::load_service(&self.path) {
            Err(error) if matches!(error.problem(), Problem::Missing) => Ok(None),
            other => other.map(Some),
        }
    }

    /// Signs the account anew, with a later time of issue than it has, and adds the files that hold
    /// it to the update: nats-server keeps the older of two, and goes back to the one in `auth.conf`
    /// if it loses its own copy.
    pub(super) fn reissue(
        &self,
        mut account: Claims<AccountClaims>,
        operator: &OperatorPair,
        now: i64,
        update: &mut Update,
    ) -> Result<Jwt, UpdateError> {
        account.iat = now.max(account.iat.saturating_add(1));
        let jwt = account.seal(operator)?;
        if jwt.as_str().len() > MAX_ACCOUNT_JWT_BYTES {
            return Err(UpdateError::TooLarge { actual: jwt.as_str().len() });
        }
        let former = file::read(&self.path.join(names::ACCOUNT_JWT))?;
        let conf = self.path.join(names::AUTH_CONF);
        update.files.push(PlannedFile::new(names::ACCOUNT_JWT, format!("{}\n", jwt.as_str())));
        if let Some(text) = read_if_there(&conf)? {
            let entry = |jwt: &str| format!("  {}: {jwt}\n", account.sub);
            let former = entry(former.trim_end());
            if !text.contains(&former) {
                return Err(UpdateError::AuthConf(conf));
            }
            let text = text.replace(&former, &entry(jwt.as_str()));
            update.files.push(PlannedFile::new(names::AUTH_CONF, text));
        }
        Ok(jwt)
    }

    /// Puts an update in place. Each file is replaced in one step.
    ///
    /// # Errors
    /// [`WriteError::Io`]: the files before the one it names are in place, and those after it are
    /// not.
    pub fn commit(&self, update: &Update) -> Result<(), WriteError> {
        replace(&self.path, &update.files, &update.removed)
    }

    /// The seed of the account itself.
    pub(super) fn account_pair(&self) -> Result<AccountPair, KeyFileError> {
        self.pair(names::ACCOUNT_SEED)
    }
}
