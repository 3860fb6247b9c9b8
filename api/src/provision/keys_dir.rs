//! A keys directory that `init` made, opened to be changed.

use std::{
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use super::{
    PlannedFile, UserSigner, WriteError, account::MAX_ACCOUNT_JWT_BYTES, auth_conf::AuthConfFile,
    keys::FreshKeysError, write::replace,
};
use crate::{
    claims::{
        AccountClaims, Claims, DecodeError, Jwt, KeyPair, OperatorPair, PublicKey, SignError,
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
    /// `auth.conf` is not there.
    #[error("{} is not there; it says whom the servers trust", .0.display())]
    NoAuthConf(PathBuf),
    /// The operator that the servers trust is not to be found.
    #[error("{} does not say which operator the servers trust", .0.display())]
    NoOperator(PathBuf),
    /// The system account is not to be found.
    #[error("{} does not hold the system account", .0.display())]
    NoSystemAccount(PathBuf),
    /// `auth.conf` is not what `init` wrote.
    #[error("{} does not hold the account's JWT that account.jwt holds, or a later one", .0.display())]
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
    /// Whether running servers have to be told of an account.
    pub is_to_be_pushed: bool,
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

    /// The operator's key that signs accounts, and the account's JWT, which it has signed.
    pub(super) fn account(&self) -> Result<(OperatorPair, Claims<AccountClaims>), KeyFileError> {
        let account = keys::load_account(&self.path)?;
        let operator = self.operator_of(&account)?;
        if account.iss != *operator.public() {
            let problem = Problem::Jwt(DecodeError::UnknownIssuer);
            return Err(KeyFileError::new(&self.path.join(names::ACCOUNT_JWT), problem));
        }
        Ok((operator, account))
    }

    /// The operator's key that signs accounts: its own, where it has signed this one.
    pub(super) fn operator_of(
        &self,
        account: &Claims<AccountClaims>,
    ) -> Result<OperatorPair, KeyFileError> {
        self.signing_pair(names::OPERATOR_SIGNING_SEED, names::OPERATOR_SEED, |identity| {
            account.iss == *identity
        })
    }

    /// Who signs users of the application's account.
    pub(super) fn signer(
        &self,
        account: &Claims<AccountClaims>,
    ) -> Result<UserSigner, KeyFileError> {
        self.signer_by(account, names::ACCOUNT_SIGNING_SEED, names::ACCOUNT_SEED)
    }

    /// Who signs users of the system account.
    pub(super) fn system_signer(
        &self,
        account: &Claims<AccountClaims>,
    ) -> Result<UserSigner, KeyFileError> {
        let seed = names::SYSTEM_ACCOUNT_SIGNING_SEED;
        self.signer_by(account, seed, names::SYSTEM_ACCOUNT_SEED)
    }

    fn signer_by(
        &self,
        account: &Claims<AccountClaims>,
        signing: &str,
        identity: &str,
    ) -> Result<UserSigner, KeyFileError> {
        let operators = AuthConfFile::read(&self.path).and_then(|conf| conf.operators());
        let is_strict = operators.map_or(account.nats.has_plain_key(), |operators| {
            operators.iter().any(|operator| operator.nats.strict_signing_key_usage)
        });
        let pair = self.signing_pair(signing, identity, |_| !is_strict)?;
        Ok(UserSigner::new(account.sub.clone(), pair))
    }

    /// A signing key. From a time before there were any, the identity has its place, where it may
    /// sign; told to be missing is the signing key in any case.
    fn signing_pair<R: KeyRole>(
        &self,
        signing: &str,
        identity: &str,
        may_sign: impl FnOnce(&PublicKey<R>) -> bool,
    ) -> Result<KeyPair<R>, KeyFileError> {
        match self.pair(signing) {
            Err(missing) if matches!(missing.problem(), Problem::Missing) => {
                let identity = self.pair_if_there(identity)?;
                identity.filter(|pair| may_sign(pair.public())).ok_or(missing)
            }
            other => other,
        }
    }

    /// The user of a credentials file.
    pub(super) fn user(&self, name: &str) -> Result<ServiceCredentials, KeyFileError> {
        keys::load_user(&self.path.join(name))
    }

    /// The user of a credentials file that may have been taken elsewhere.
    pub(super) fn user_if_there(
        &self,
        name: &str,
    ) -> Result<Option<ServiceCredentials>, KeyFileError> {
        match self.user(name) {
            Err(error) if matches!(error.problem(), Problem::Missing) => Ok(None),
            other => other.map(Some),
        }
    }

    /// Signs the account anew and adds the files that hold it to the update: nats-server goes back to
    /// the one in `auth.conf` if it loses its own copy.
    pub(super) fn reissue(
        &self,
        mut account: Claims<AccountClaims>,
        operator: &OperatorPair,
        now: i64,
        update: &mut Update,
    ) -> Result<(), UpdateError> {
        let former = account.iat;
        let jwt = seal(&mut account, operator, now)?;
        update.is_to_be_pushed = true;
        update.files.push(PlannedFile::new(names::ACCOUNT_JWT, format!("{}\n", jwt.as_str())));
        let mut conf = match AuthConfFile::read(&self.path) {
            Err(UpdateError::NoAuthConf(_)) => return Ok(()),
            conf => conf?,
        };
        // It may be behind, if a former attempt got no further than account.jwt.
        let held = conf.accounts().find(|held| held.sub == account.sub);
        if held.is_none_or(|held| held.iat > former) {
            return Err(UpdateError::AuthConf(self.path.join(names::AUTH_CONF)));
        }
        conf.set_account(&account.sub, &jwt);
        update.files.push(conf.to_file());
        Ok(())
    }

    /// Puts an update in place. Each file is replaced in one step.
    ///
    /// # Errors
    /// [`WriteError::Io`]: the files before the one it names are in place, and those after it are
    /// not.
    pub fn commit(&self, update: &Update) -> Result<(), WriteError> {
        replace(&self.path, &update.files, &update.removed)
    }
}

/// Signs an account anew, with a later time of issue than it has: of two, nats-server keeps the later.
pub(super) fn seal(
    account: &mut Claims<AccountClaims>,
    operator: &OperatorPair,
    now: i64,
) -> Result<Jwt, UpdateError> {
    account.iat = now.max(account.iat.saturating_add(1));
    let jwt = account.seal(operator)?;
    if jwt.as_str().len() > MAX_ACCOUNT_JWT_BYTES {
        return Err(UpdateError::TooLarge { actual: jwt.as_str().len() });
    }
    Ok(jwt)
}
