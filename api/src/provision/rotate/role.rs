//! Replacing a role's signing key, so that nobody is cut off.
//!
//! Three steps, each a command: [`new_key`] makes the next key and has the account know both;
//! [`switch_key`] has `serve` sign with it from its next start; [`retire_key`] has the account
//! forget the former, once all tokens it signed have ended. Between the first and the second the
//! servers must have been told; between the second and the third `serve` must have been started
//! again and the life of a token have passed.

use crate::{
    claims::{AccountClaims, AccountPair, SigningKey, UserScope},
    keys::names,
    mint::RoleName,
    provision::{KeysDir, PlannedFile, Update, UpdateError, keys::fresh},
};

/// Makes the next key of a role. The account will know both keys, with the rights that it gives the
/// present one, whatever the roles file says by now.
///
/// `now` is in Unix seconds.
///
/// # Errors
/// * [`UpdateError::NoRole`]: the account does not have the role.
/// * [`UpdateError::HasNextKey`]: a rotation is under way.
/// * Others, for what is missing or cannot be read.
pub fn new_key(dir: &KeysDir, role: &RoleName, now: i64) -> Result<Update, UpdateError> {
    let (operator, mut account) = dir.account()?;
    let scopes = account.nats.scopes().filter(|scope| scope.role == role.as_str());
    let known: Vec<UserScope> = scopes.cloned().collect();
    let is_only_one = known.len() == 1;
    let present = known.into_iter().next().ok_or_else(|| UpdateError::NoRole(role.clone()))?;
    let mut update = Update::default();
    let file = names::role_next_seed(role);
    let next: AccountPair = match dir.pair_if_there(&file)? {
        // A former attempt got no further.
        Some(next) if is_only_one && present.key != *next.public() => next,
        None if is_only_one => {
            let next = fresh()?;
            update.files.push(PlannedFile::seed(&file, &next).map_err(UpdateError::Seed)?);
            next
        }
        _ => return Err(UpdateError::HasNextKey(role.clone())),
    };
    let scope = UserScope::new(next.public().clone(), role.as_str(), present.template);
    account.nats.signing_keys.push(SigningKey::Scoped(Box::new(scope)));
    dir.reissue(account, &operator, now, &mut update)?;
    update.changes.push(format!("role {role}: a second key, {}", next.public()));
    Ok(update)
}

/// Puts the next key of a role in the place of the present one. Needs no key above the role's.
///
/// # Errors
/// * [`UpdateError::NoNextKey`]: there is none.
/// * [`UpdateError::UnknownKey`]: the account does not know it.
/// * Others, for what is missing or cannot be read.
pub fn switch_key(dir: &KeysDir, role: &RoleName) -> Result<Update, UpdateError> {
    let file = names::role_next_seed(role);
    let next: AccountPair =
        dir.pair_if_there(&file)?.ok_or_else(|| UpdateError::NoNextKey(role.clone()))?;
    let account = crate::keys::load_account(dir.path())?;
    check_known(&account.nats, &next, role)?;
    let mut update = Update::default();
    let seed = PlannedFile::seed(&names::role_seed(role), &next).map_err(UpdateError::Seed)?;
    update.files.push(seed);
    update.removed.push(file);
    update.changes.push(format!(
        "role {role}: signs with {}, once `api serve` has started again",
        next.public()
    ));
    Ok(update)
}

/// Has the account forget every key of a role but the present one. Whoever is connected with a token
/// of another is cut off, and such a token opens nothing any more.
///
/// `now` is in Unix seconds.
///
/// # Errors
/// * [`UpdateError::NothingToRetire`]: there is no other.
/// * [`UpdateError::HasNextKey`]: the next key has not been switched to.
/// * [`UpdateError::UnknownKey`]: the account does not know the present one.
/// * Others, for what is missing or cannot be read.
pub fn retire_key(dir: &KeysDir, role: &RoleName, now: i64) -> Result<Update, UpdateError> {
    let (operator, mut account) = dir.account()?;
    if dir.pair_if_there::<crate::claims::Account>(&names::role_next_seed(role))?.is_some() {
        return Err(UpdateError::HasNextKey(role.clone()));
    }
    let present: AccountPair = dir.pair(&names::role_seed(role))?;
    check_known(&account.nats, &present, role)?;
    let mut update = Update::default();
    account.nats.signing_keys.retain(|key| match key {
        SigningKey::Scoped(scope)
            if scope.role == role.as_str() && scope.key != *present.public() =>
        {
            update.changes.push(format!("role {role}: without the key {}", scope.key));
            false
        }
        _ => true,
    });
    if update.changes.is_empty() {
        return Err(UpdateError::NothingToRetire(role.clone()));
    }
    dir.reissue(account, &operator, now, &mut update)?;
    Ok(update)
}

/// Refuses a key that the account does not know as the role's.
fn check_known(
    account: &AccountClaims,
    key: &AccountPair,
    role: &RoleName,
) -> Result<(), UpdateError> {
    match account.scope_of(key.public()) {
        Some(scope) if scope.role == role.as_str() => Ok(()),
        _ => Err(UpdateError::UnknownKey(role.clone())),
    }
}
