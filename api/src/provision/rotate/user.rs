//! The users that `serve` connects as. No server need be told of a new one; a former one is named in
//! its account's JWT, as one whose tokens no longer count.

use std::path::Path;

use super::{KeyName, OpenAccount, RotateError, creds};
use crate::{
    claims::{Claims, Permission, UserClaims, UserKey, UserPair},
    keys::{KeyFileError, Problem, ServiceCredentials, names},
    provision::{KeysDir, PlannedFile, Update, UserSigner, keys::fresh, write::read_if_there},
};

/// For ever: the end of the year 9999. The key is never used again, and its token has no end.
const FOR_EVER: i64 = 253_402_300_799;

pub(super) fn new_key(dir: &KeysDir, key: KeyName, now: i64) -> Result<Update, RotateError> {
    let file = creds(key);
    let present = dir.user(file)?;
    let next_file = names::next(file);
    if dir.user_if_there(&next_file)?.is_some() {
        return Err(RotateError::HasNext(key));
    }
    let next: UserPair = fresh()?;
    let signer = super::signer(dir, key)?;
    let next = resign(&dir.path().join(file), &present, next, &signer, now)?;
    let mut update = Update::default();
    update.files.push(credentials_file(&next_file, &next)?);
    update.changes.push(format!("{next_file}: a second user, {}", next.public()));
    Ok(update)
}

pub(super) fn switch_key(dir: &KeysDir, key: KeyName) -> Result<Update, RotateError> {
    let file = creds(key);
    let next_file = names::next(file);
    let next = dir.user_if_there(&next_file)?.ok_or(RotateError::NoNext(key))?;
    let present = dir.user(file)?;
    let mut update = Update::default();
    // Not so if a former attempt got as far as the last step.
    if present.public() != next.public() {
        let mut former = former(dir, file)?;
        if !former.contains(present.public()) {
            former.push(present.public().clone());
        }
        let lines: String = former.iter().map(|key| format!("{key}\n")).collect();
        // First, so that no key that was in use is ever forgotten.
        update.files.push(PlannedFile::new(&names::former(file), lines));
        update.files.push(credentials_file(file, &next)?);
    }
    update.removed.push(next_file);
    update
        .changes
        .push(format!("{file}: the user {}, once `api serve` has started again", next.public()));
    Ok(update)
}

pub(super) fn retire_key(dir: &KeysDir, key: KeyName, now: i64) -> Result<Update, RotateError> {
    let file = creds(key);
    if dir.user_if_there(&names::next(file))?.is_some() {
        return Err(RotateError::HasNext(key));
    }
    let former = former(dir, file)?;
    if former.is_empty() {
        return Err(RotateError::NothingToRetire(key));
    }
    let mut account = OpenAccount::of(dir, key)?;
    let mut update = Update::default();
    for key in former {
        update.changes.push(format!("{file}: the user {key} is revoked"));
        account.claims.nats.revocations.insert(key.as_str().to_owned(), FOR_EVER);
    }
    account.reissue(dir, now, &mut update)?;
    update.removed.push(names::former(file));
    Ok(update)
}

/// A user with the rights of another: what that one has by its key, this one has by its own.
pub(super) fn resign(
    path: &Path,
    present: &ServiceCredentials,
    user: UserPair,
    signer: &UserSigner,
    now: i64,
) -> Result<ServiceCredentials, RotateError> {
    let claims = Claims::<UserClaims>::decode(present.jwt().as_str())
        .map_err(|error| KeyFileError::new(path, Problem::Jwt(error)))?;
    let mut body = claims.nats;
    for permission in [&mut body.publish, &mut body.subscribe].into_iter().flatten() {
        let Permission { allow, deny } = permission;
        for subject in allow.iter_mut().chain(deny) {
            *subject = subject.replace(present.public().as_str(), user.public().as_str());
        }
    }
    Ok(signer.sign(user, &claims.name, now.max(claims.iat), claims.exp, body)?)
}

/// A credentials file.
pub(super) fn credentials_file(
    name: &str,
    credentials: &ServiceCredentials,
) -> Result<PlannedFile, RotateError> {
    Ok(PlannedFile { name: name.to_owned(), contents: credentials.format()? })
}

/// Users that had the place of the present one and are yet to be revoked.
fn former(dir: &KeysDir, file: &str) -> Result<Vec<UserKey>, RotateError> {
    let path = dir.path().join(names::former(file));
    let text = read_if_there(&path)?.unwrap_or_default();
    let parse = |line| {
        UserKey::parse(line).map_err(|error| KeyFileError::new(&path, Problem::Key(error)).into())
    };
    text.lines().map(parse).collect()
}
