//! The keys that `serve` runs with, read and checked at start.
//!
//! `serve` needs the account's JWT (public), the service user's credentials and one signing key a
//! role. It never needs the operator's or the account's own seed: those may be taken away after
//! `init`.

pub mod file;
pub mod names;
pub mod service;

use std::{path::Path, time::Duration};

pub use file::{KeyFileError, Problem};
pub use service::ServiceCredentials;

use crate::{
    claims::{AccountClaims, AccountPair, Claims, UserTemplate},
    mint::{RoleName, RolePolicy},
};

/// Reads the account's JWT from the keys directory.
///
/// # Errors
/// [`KeyFileError`], which names the file.
pub fn load_account(dir: &Path) -> Result<Claims<AccountClaims>, KeyFileError> {
    let path = dir.join(names::ACCOUNT_JWT);
    let text = file::read(&path)?;
    Claims::decode(text.trim_end()).map_err(|source| KeyFileError::new(&path, Problem::Jwt(source)))
}

/// Reads a role's signing key and finds its template in the account's JWT.
///
/// # Errors
/// [`KeyFileError`], which names the file; also when the account does not know the key, knows it
/// under another role, or gives it unrestricted rights.
pub fn load_role(
    dir: &Path,
    role: RoleName,
    ttl: Duration,
    account: &Claims<AccountClaims>,
) -> Result<RolePolicy, KeyFileError> {
    let path = dir.join(names::role_seed(role));
    let refuse = |problem| KeyFileError::new(&path, problem);

    let seed = file::read(&path)?;
    let signing_key =
        AccountPair::from_seed(seed.trim_end()).map_err(|source| refuse(Problem::Key(source)))?;
    let scope = account
        .nats
        .scope_of(signing_key.public())
        .ok_or_else(|| refuse(Problem::UnknownRoleKey))?;
    if scope.role != role.as_str() {
        return Err(refuse(Problem::OtherRole { expected: role, actual: scope.role.clone() }));
    }
    if is_unrestricted(&scope.template) {
        return Err(refuse(Problem::Unrestricted { role }));
    }
    Ok(RolePolicy {
        role,
        ttl,
        account: account.sub.clone(),
        template: scope.template.clone(),
        signing_key,
    })
}

/// Reads the service user's credentials.
///
/// # Errors
/// [`KeyFileError`], which names the file.
pub fn load_service(dir: &Path) -> Result<ServiceCredentials, KeyFileError> {
    let path = dir.join(names::SERVICE_CREDS);
    let text = file::read(&path)?;
    ServiceCredentials::parse(&text).map_err(|problem| KeyFileError::new(&path, problem))
}

fn is_unrestricted(template: &UserTemplate) -> bool {
    template.publish.is_unrestricted()
        || template.subscribe.is_unrestricted()
        || template.allowed_connection_types.is_empty()
}
