//! The keys of auth callout.

use std::path::Path;

use super::{KeyFileError, Problem, ServiceCredentials, file, load_account_jwt, load_user, names};
use crate::claims::{AccountKey, AccountPair, AllowedAccounts, CurvePair, KeyError};

/// What auth callout runs with.
#[derive(Debug)]
pub struct CalloutKeys {
    /// The user that is asked.
    pub credentials: ServiceCredentials,
    /// The account that asks: that of the clients which bring no token of their own.
    pub account: AccountKey,
    /// Signs answers.
    pub response: AccountPair,
    /// Opens questions and seals answers.
    pub curve: CurvePair,
}

/// Reads the keys and checks that the account which asks knows them, and may place clients in the
/// application's account `app`.
///
/// # Errors
/// [`KeyFileError`], which names the file.
pub fn load_callout(dir: &Path, app: &AccountKey) -> Result<CalloutKeys, KeyFileError> {
    let path = dir.join(names::CALLOUT_ACCOUNT_JWT);
    let refuse = |problem| KeyFileError::new(&path, problem);
    let account = load_account_jwt(&path)?;
    let keys = CalloutKeys {
        credentials: load_user(&dir.join(names::CALLOUT_CREDS))?,
        account: account.sub,
        response: load(dir, names::CALLOUT_RESPONSE_SEED, AccountPair::from_seed)?,
        curve: load(dir, names::CALLOUT_XKEY_SEED, CurvePair::from_seed)?,
    };
    let authorization = &account.nats.authorization;
    if authorization.xkey.as_ref() != Some(keys.curve.public()) {
        return Err(refuse(Problem::OtherCallout(names::CALLOUT_XKEY_SEED)));
    }
    if !authorization.auth_users.contains(keys.credentials.public()) {
        return Err(refuse(Problem::OtherCallout(names::CALLOUT_CREDS)));
    }
    if !account.nats.signing_keys.iter().any(|key| key.key() == keys.response.public()) {
        return Err(refuse(Problem::OtherCallout(names::CALLOUT_RESPONSE_SEED)));
    }
    let may_place = match &authorization.allowed_accounts {
        AllowedAccounts::None => false,
        AllowedAccounts::These(accounts) => accounts.contains(app),
        AllowedAccounts::Any => true,
    };
    if may_place { Ok(keys) } else { Err(refuse(Problem::OtherCallout(names::ACCOUNT_JWT))) }
}

/// The account that asks, where `api init` made one.
///
/// # Errors
/// [`KeyFileError`] if its JWT is there and can't be used.
pub(crate) fn callout_account_if_there(dir: &Path) -> Result<Option<AccountKey>, KeyFileError> {
    match load_account_jwt(&dir.join(names::CALLOUT_ACCOUNT_JWT)) {
        Err(error) if matches!(error.problem(), Problem::Missing) => Ok(None),
        account => account.map(|account| Some(account.sub)),
    }
}

/// Reads the key that sessions are sealed with.
///
/// # Errors
/// [`KeyFileError`], which names the file.
pub fn load_session(dir: &Path) -> Result<CurvePair, KeyFileError> {
    load(dir, names::SESSION_SEED, CurvePair::from_seed)
}

fn load<P>(
    dir: &Path,
    name: &str,
    parse: impl FnOnce(&str) -> Result<P, KeyError>,
) -> Result<P, KeyFileError> {
    let path = dir.join(name);
    let seed = file::read(&path)?;
    parse(seed.trim_end()).map_err(|source| KeyFileError::new(&path, Problem::Key(source)))
}
