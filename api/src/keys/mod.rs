//! The keys that `serve` runs with, read and checked at start.
//!
//! `serve` needs the account's JWT (public), the service user's credentials and the signing key of
//! each role that somebody may have. It never needs the operator's or the account's own seed: those may be taken away after
//! `init`.

pub mod callout;
pub mod file;
pub mod names;
pub mod service;

use std::path::Path;

pub(crate) use callout::callout_account_if_there;
pub use callout::{CalloutKeys, load_callout, load_session};
pub use file::{KeyFileError, Problem};
pub use service::ServiceCredentials;

use crate::{
    claims::{AccountClaims, AccountPair, Claims},
    mint::{Role, RolePolicy, Roles},
};

/// Reads the account's JWT from the keys directory.
///
/// # Errors
/// [`KeyFileError`], which names the file.
pub fn load_account(dir: &Path) -> Result<Claims<AccountClaims>, KeyFileError> {
    load_account_jwt(&dir.join(names::ACCOUNT_JWT))
}

fn load_account_jwt(path: &Path) -> Result<Claims<AccountClaims>, KeyFileError> {
    let text = file::read(path)?;
    Claims::decode(text.trim_end()).map_err(|source| KeyFileError::new(path, Problem::Jwt(source)))
}

/// Reads the signing keys of these roles and checks that the account gives each what the roles file
/// says.
///
/// # Errors
/// [`KeyFileError`], which names the file; also when the account does not know a key, knows it under
/// another role, or gives the role other rights.
pub fn load_roles(
    dir: &Path,
    roles: Vec<Role>,
    account: &Claims<AccountClaims>,
) -> Result<Roles, KeyFileError> {
    let policies = roles.into_iter().map(|role| load_role(dir, role, account));
    policies.collect::<Result<_, _>>().map(Roles::new)
}

fn load_role(
    dir: &Path,
    role: Role,
    account: &Claims<AccountClaims>,
) -> Result<RolePolicy, KeyFileError> {
    let path = dir.join(names::role_seed(&role.name));
    let refuse = |problem| KeyFileError::new(&path, problem);

    let signing_key = load_signing_key(&path)?;
    let scope = account
        .nats
        .scope_of(signing_key.public())
        .ok_or_else(|| refuse(Problem::UnknownRoleKey))?;
    if scope.role != role.name.as_str() {
        return Err(refuse(Problem::OtherRole { expected: role.name, actual: scope.role.clone() }));
    }
    if scope.template != role.template {
        return Err(refuse(Problem::OtherRights { role: role.name }));
    }
    Ok(RolePolicy { role, account: account.sub.clone(), signing_key })
}

/// Reads a signing key of the account.
///
/// # Errors
/// [`KeyFileError`], which names the file.
pub fn load_signing_key(path: &Path) -> Result<AccountPair, KeyFileError> {
    let seed = file::read(path)?;
    AccountPair::from_seed(seed.trim_end())
        .map_err(|source| KeyFileError::new(path, Problem::Key(source)))
}

/// Reads the service user's credentials.
///
/// # Errors
/// [`KeyFileError`], which names the file.
pub fn load_service(dir: &Path) -> Result<ServiceCredentials, KeyFileError> {
    load_user(&dir.join(names::SERVICE_CREDS))
}

/// Reads the credentials of the user that ends connections.
///
/// # Errors
/// [`KeyFileError`], which names the file.
pub fn load_system(dir: &Path) -> Result<ServiceCredentials, KeyFileError> {
    load_user(&dir.join(names::SYSTEM_CREDS))
}

/// Reads a user's credentials.
///
/// # Errors
/// [`KeyFileError`], which names the file.
pub fn load_user(path: &Path) -> Result<ServiceCredentials, KeyFileError> {
    let text = file::read(path)?;
    ServiceCredentials::parse(&text).map_err(|problem| KeyFileError::new(path, problem))
}
