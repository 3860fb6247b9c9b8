//! Replacing keys, so that nobody is cut off.
//!
//! Three steps for each, and each a command: the first makes the next key, the second puts it in the
//! place of the present one, the third has the servers refuse the former. What must be done between
//! them is written in `docs/rotation.md`.

mod account;
mod error;
mod operator;
pub mod role;
mod signing_key;
mod user;

use std::fmt;

use clap::ValueEnum;

pub use error::RotateError;

use self::account::OpenAccount;
use super::{AuthConfFile, KeysDir, Update, UserSigner};
use crate::keys::{self, names};

/// A key that `init` made, other than a role's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KeyName {
    /// The user that `api serve` connects as (service.creds).
    Service,
    /// The user that `api serve` ends connections as (system.creds).
    System,
    /// The signing key of the application's account (account-signing.seed).
    Account,
    /// The signing key of the system account (system-account-signing.seed).
    SystemAccount,
    /// The operator's signing key (operator-signing.seed).
    Operator,
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Service => "service",
            Self::System => "system",
            Self::Account => "account",
            Self::SystemAccount => "system-account",
            Self::Operator => "operator",
        })
    }
}

/// Makes the next key. Nobody uses it yet.
///
/// With `new_identity`, the operator's own key gets a successor, too. `now` is in Unix seconds.
///
/// # Errors
/// * [`RotateError::HasNext`]: a rotation is under way.
/// * [`RotateError::NoIdentity`]: `new_identity` was asked for a key that has none.
/// * Others, for what is missing or cannot be read.
pub fn new_key(
    dir: &KeysDir,
    key: KeyName,
    new_identity: bool,
    now: i64,
) -> Result<Update, RotateError> {
    match key {
        KeyName::Operator => operator::new_key(dir, new_identity, now),
        _ if new_identity => Err(RotateError::NoIdentity(key)),
        KeyName::Service | KeyName::System => user::new_key(dir, key, now),
        KeyName::Account | KeyName::SystemAccount => signing_key::new_key(dir, key, now),
    }
}

/// Puts the next key in the place of the present one, and signs anew what that had signed.
///
/// `now` is in Unix seconds.
///
/// # Errors
/// * [`RotateError::NoNext`]: there is none.
/// * [`RotateError::Unknown`]: the servers would not be told of it by the files here.
/// * Others, for what is missing or cannot be read.
pub fn switch_key(dir: &KeysDir, key: KeyName, now: i64) -> Result<Update, RotateError> {
    match key {
        KeyName::Operator => operator::switch_key(dir, now),
        KeyName::Service | KeyName::System => user::switch_key(dir, key),
        KeyName::Account | KeyName::SystemAccount => signing_key::switch_key(dir, key, now),
    }
}

/// Has the servers refuse the former key and all that it signed.
///
/// `now` is in Unix seconds.
///
/// # Errors
/// * [`RotateError::HasNext`]: the next key has not been switched to.
/// * [`RotateError::NothingToRetire`]: there is no former key.
/// * [`RotateError::InUse`]: something that is in use is signed by another key than the present one.
/// * Others, for what is missing or cannot be read.
pub fn retire_key(dir: &KeysDir, key: KeyName, now: i64) -> Result<Update, RotateError> {
    match key {
        KeyName::Operator => operator::retire_key(dir, now),
        KeyName::Service | KeyName::System => user::retire_key(dir, key, now),
        KeyName::Account | KeyName::SystemAccount => signing_key::retire_key(dir, key, now),
    }
}

/// The credentials that belong to a key: of the user itself, or of the user it signs.
fn creds(key: KeyName) -> &'static str {
    if is_of_system(key) { names::SYSTEM_CREDS } else { names::SERVICE_CREDS }
}

/// Whether it belongs to the system account.
fn is_of_system(key: KeyName) -> bool {
    matches!(key, KeyName::System | KeyName::SystemAccount)
}

/// Who signs users of the account that a key belongs to.
fn signer(dir: &KeysDir, key: KeyName) -> Result<UserSigner, RotateError> {
    Ok(if is_of_system(key) {
        dir.system_signer(&AuthConfFile::read(dir.path())?.system_account()?)?
    } else {
        dir.signer(&keys::load_account(dir.path())?)?
    })
}
