//! The signing keys of the accounts: they sign the users that have no role.

use super::{
    KeyName, OpenAccount, RotateError,
    account::has_plain,
    creds, is_of_system,
    user::{credentials_file, resign},
};
use crate::{
    claims::{AccountPair, Claims, SigningKey, UserClaims},
    keys::{KeyFileError, Problem, ServiceCredentials, names},
    provision::{KeysDir, PlannedFile, Update, UpdateError, UserSigner, keys::fresh},
};

const THE_ACCOUNT: &str = "the account's JWT";

pub(super) fn new_key(dir: &KeysDir, key: KeyName, now: i64) -> Result<Update, RotateError> {
    let mut account = OpenAccount::of(dir, key)?;
    let file = names::next(seed(key));
    let mut update = Update::default();
    let next: AccountPair = match dir.pair_if_there(&file)? {
        // A former attempt got no further.
        Some(next) if !has_plain(&account.claims.nats, next.public()) => next,
        Some(_) => return Err(RotateError::HasNext(key)),
        None => {
            let next = fresh()?;
            update.files.push(PlannedFile::seed(&file, &next).map_err(UpdateError::Seed)?);
            next
        }
    };
    account.claims.nats.signing_keys.push(SigningKey::Plain(next.public().clone()));
    account.reissue(dir, now, &mut update)?;
    update.changes.push(format!("{file}: a second key, {}", next.public()));
    Ok(update)
}

pub(super) fn switch_key(dir: &KeysDir, key: KeyName, now: i64) -> Result<Update, RotateError> {
    let file = names::next(seed(key));
    let next: AccountPair = dir.pair_if_there(&file)?.ok_or(RotateError::NoNext(key))?;
    let account = OpenAccount::of(dir, key)?.claims;
    if !has_plain(&account.nats, next.public()) {
        return Err(RotateError::Unknown { file, by: THE_ACCOUNT });
    }
    let user_key = if is_of_system(key) { KeyName::System } else { KeyName::Service };
    let creds = creds(key);
    if dir.user_if_there(&names::next(creds))?.is_some() {
        return Err(RotateError::HasNext(user_key));
    }
    let mut update = Update::default();
    if let Some(user) = dir.user_if_there(creds)? {
        let signer = UserSigner::new(account.sub, next.clone());
        let user = resign(&dir.path().join(creds), &user, user.pair().clone(), &signer, now)?;
        update.files.push(credentials_file(creds, &user)?);
        update.changes.push(format!("{creds}: signed by the key {}", next.public()));
    } else {
        update.changes.push(format!("{creds} is not here and stays signed by the former key"));
    }
    let seed = PlannedFile::seed(seed(key), &next).map_err(UpdateError::Seed)?;
    update.changes.push(format!("{}: the key {}", seed.name, next.public()));
    update.files.push(seed);
    update.removed.push(file);
    Ok(update)
}

pub(super) fn retire_key(dir: &KeysDir, key: KeyName, now: i64) -> Result<Update, RotateError> {
    if dir.pair_if_there::<crate::claims::Account>(&names::next(seed(key)))?.is_some() {
        return Err(RotateError::HasNext(key));
    }
    let mut account = OpenAccount::of(dir, key)?;
    let Some(present) = dir.pair_if_there::<crate::claims::Account>(seed(key))? else {
        return Err(RotateError::NothingToRetire(key));
    };
    if !has_plain(&account.claims.nats, present.public()) {
        return Err(RotateError::Unknown { file: seed(key).to_owned(), by: THE_ACCOUNT });
    }
    let creds = creds(key);
    if let Some(user) = dir.user_if_there(creds)?
        && issuer(dir, creds, &user)? != *present.public()
    {
        let remedy = format!("`api rotate switch-key {key}` signs it anew");
        return Err(RotateError::InUse { what: creds.to_owned(), remedy });
    }
    let mut update = Update::default();
    account.claims.nats.signing_keys.retain(|known| match known {
        SigningKey::Plain(known) if known != present.public() => {
            update.changes.push(format!("{key}: without the key {known}"));
            false
        }
        _ => true,
    });
    if update.changes.is_empty() {
        return Err(RotateError::NothingToRetire(key));
    }
    account.reissue(dir, now, &mut update)?;
    Ok(update)
}

/// Who signed a user.
pub(super) fn issuer(
    dir: &KeysDir,
    file: &str,
    user: &ServiceCredentials,
) -> Result<crate::claims::AccountKey, RotateError> {
    let claims = Claims::<UserClaims>::decode(user.jwt().as_str())
        .map_err(|error| KeyFileError::new(&dir.path().join(file), Problem::Jwt(error)))?;
    Ok(claims.iss)
}

fn seed(key: KeyName) -> &'static str {
    if is_of_system(key) { names::SYSTEM_ACCOUNT_SIGNING_SEED } else { names::ACCOUNT_SIGNING_SEED }
}
