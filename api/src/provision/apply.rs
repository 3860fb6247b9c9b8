//! `api roles apply`: brings the roles file into the account's JWT.

use super::{
    KeysDir, PlannedFile, Update, UpdateError, account::role_key, auth_conf::AuthConfFile,
    keys::fresh, service_user, system_user,
};
use crate::{
    claims::{AccountClaims, AccountKey, AccountPair, Claims, SigningKey, UserClaims},
    config::roles::RolesFile,
    keys::names,
    mint::{Role, RoleName},
};

/// Decides what changes: a new role gets a key, the keys of a role that is gone are dropped, and the
/// others keep theirs with the rights that the file says. Nothing is written yet.
///
/// `now` is in Unix seconds.
///
/// # Errors
/// One variant of [`UpdateError`] for each thing that is missing or wrong.
pub fn apply(dir: &KeysDir, file: &RolesFile, now: i64) -> Result<Update, UpdateError> {
    let (operator, mut account) = dir.account()?;
    let mut update = Update::default();
    change_keys(dir, &file.roles, &mut account.nats, &mut update)?;
    // Before what follows: only this is a change of the account.
    let account_changes = !update.changes.is_empty();
    if account_changes {
        dir.reissue(account.clone(), &operator, now, &mut update)?;
    }
    change_service_user(dir, file, &account, now, &mut update)?;
    change_system_user(dir, &account.sub, now, &mut update)?;
    Ok(update)
}

fn change_keys(
    dir: &KeysDir,
    roles: &[Role],
    account: &mut AccountClaims,
    update: &mut Update,
) -> Result<(), UpdateError> {
    let is_named = |name: &str| roles.iter().any(|role| role.name.as_str() == name);
    let mut gone: Vec<String> =
        account.scopes().map(|scope| scope.role.clone()).filter(|name| !is_named(name)).collect();
    gone.dedup();
    account.signing_keys.retain(|key| match key {
        SigningKey::Scoped(scope) => is_named(&scope.role),
        SigningKey::Plain(_) => true,
    });
    for name in gone {
        update.changes.push(format!(
            "role {name}: removed with its keys; whoever holds a token of it is cut off"
        ));
        // A name that is none was not written by this program, and neither was a file for it.
        if let Ok(name) = RoleName::parse(&name) {
            update.removed.extend([names::role_seed(&name), names::role_next_seed(&name)]);
        }
    }

    for role in roles {
        let name = role.name.as_str();
        let mut has_key = false;
        let mut has_changed = false;
        for key in &mut account.signing_keys {
            if let SigningKey::Scoped(scope) = key
                && scope.role == name
            {
                has_key = true;
                has_changed |= scope.template != role.template;
                scope.template = role.template.clone();
            }
        }
        if has_changed {
            update.changes.push(format!(
                "role {name}: other rights or limits; whoever is connected with it is cut off \
                 and gets them when it connects again"
            ));
        }
        if !has_key {
            let key = new_role_key(dir, &role.name, update)?;
            update.changes.push(format!("role {name}: new, with the key {}", key.public()));
            account.signing_keys.push(role_key(role, key.public()));
        }
    }
    Ok(())
}

/// A key for a new role: the one that a former attempt left behind, or a fresh one.
fn new_role_key(
    dir: &KeysDir,
    role: &RoleName,
    update: &mut Update,
) -> Result<AccountPair, UpdateError> {
    let file = names::role_seed(role);
    if let Some(left_behind) = dir.pair_if_there(&file)? {
        return Ok(left_behind);
    }
    let key = fresh()?;
    update.files.push(PlannedFile::seed(&file, &key).map_err(UpdateError::Seed)?);
    Ok(key)
}

/// Also one that is yet to take the place of the present one.
fn change_service_user(
    dir: &KeysDir,
    file: &RolesFile,
    account: &Claims<AccountClaims>,
    now: i64,
    update: &mut Update,
) -> Result<(), UpdateError> {
    let wanted = service_user::publish(&file.roles, &file.streams);
    for name in [names::next(names::SERVICE_CREDS), names::SERVICE_CREDS.to_owned()] {
        let Some(service) = dir.user_if_there(&name)? else { continue };
        let reads = service_user::subscribe(service.public());
        let has_all = |has: UserClaims| {
            (has.publish.as_ref(), has.subscribe.as_ref()) == (Some(&wanted), Some(&reads))
        };
        if service.claims().is_ok_and(has_all) {
            continue;
        }
        let signer = dir.signer(account)?;
        let credentials = service_user::credentials(service.pair(), wanted.clone(), now, &signer)?;
        update.files.push(PlannedFile { name, contents: credentials.format()? });
        update.changes.push(format!(
            "service user: may publish {}, once `api serve` has started again",
            wanted.allow.join(", ")
        ));
    }
    Ok(())
}

/// Where it is from a time when it could read less, and the key that signs it is here.
fn change_system_user(
    dir: &KeysDir,
    account: &AccountKey,
    now: i64,
    update: &mut Update,
) -> Result<(), UpdateError> {
    for name in [names::next(names::SYSTEM_CREDS), names::SYSTEM_CREDS.to_owned()] {
        let Some(system) = dir.user_if_there(&name)? else { continue };
        let wanted = system_user::subscribe(system.public(), account);
        if system.claims().is_ok_and(|has: UserClaims| has.subscribe.as_ref() == Some(&wanted)) {
            continue;
        }
        let signer = dir.system_signer(&AuthConfFile::read(dir.path())?.system_account()?)?;
        let credentials = system_user::credentials(system.pair(), account, now, &signer)?;
        update.files.push(PlannedFile { name, contents: credentials.format()? });
        update.changes.push(
            "system user: may hear of ended connections, once `api serve` has started again"
                .to_owned(),
        );
    }
    Ok(())
}
