//! What `init` and `roles apply` write into the account's JWT.

use crate::{
    claims::{AccountKey, SigningKey, UserScope},
    mint::Role,
};

/// Largest JWT of the account, in bytes. An update travels as one message, which nats-server takes
/// up to 64 KB of, and so do the files here.
pub(super) const MAX_ACCOUNT_JWT_BYTES: usize = 48 << 10;

/// The entry of a role's key.
pub(super) fn role_key(role: &Role, key: &AccountKey) -> SigningKey {
    let scope = UserScope::new(key.clone(), role.name.as_str(), role.template.clone());
    SigningKey::Scoped(Box::new(scope))
}
