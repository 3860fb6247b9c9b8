//! Signing keys of an account, and the template that comes with a role's key.

use serde::{Deserialize, Serialize};

use super::{
    key::AccountKey,
    permission::{ConnectionType, Permission, ResponsePermission},
};

/// A key that signs users for the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SigningKey {
    /// May sign anything the account may.
    Plain(AccountKey),
    /// May only sign users of one role.
    Scoped(Box<UserScope>),
}

impl SigningKey {
    /// The key.
    #[must_use]
    pub fn key(&self) -> &AccountKey {
        match self {
            Self::Plain(key) => key,
            Self::Scoped(scope) => &scope.key,
        }
    }
}

/// A role: its key, and the template every user signed by that key is held to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserScope {
    kind: ScopeKind,
    /// The signing key.
    pub key: AccountKey,
    /// Name of the role.
    pub role: String,
    /// What users of the role get.
    pub template: UserTemplate,
    /// A note for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
}

impl UserScope {
    /// A role.
    #[must_use]
    pub fn new(key: AccountKey, role: &str, template: UserTemplate) -> Self {
        Self {
            kind: ScopeKind::UserScope,
            key,
            role: role.to_owned(),
            template,
            description: String::new(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ScopeKind {
    UserScope,
}

/// Rights and limits of a role.
///
/// Subjects may hold `{{subject()}}`, which nats-server replaces with the user's public key at
/// login, and `{{tag(x)}}`, which becomes one subject for each of the token's tags `x:…`. Both are
/// put in as they are: a tag `x:*` would be a wildcard, so the mint admits none. An allowed subject
/// whose tag the token lacks is dropped, and if that empties the list, everything is denied; a
/// denied subject whose tag it lacks makes the login fail. `name()` is not used: it is whatever the
/// signer wrote.
///
/// Some limits of the format have no place here (addresses, times of day, bearer tokens, proxies):
/// reading a template that has them fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserTemplate {
    /// What may be published to.
    #[serde(rename = "pub")]
    pub publish: Permission,
    /// What may be subscribed to.
    #[serde(rename = "sub")]
    pub subscribe: Permission,
    /// Leave to answer requests.
    #[serde(default, rename = "resp", skip_serializing_if = "Option::is_none")]
    pub responses: Option<ResponsePermission>,
    /// Subscriptions of one connection.
    pub subs: i64,
    /// Bytes in total (kept by NATS, not enforced).
    pub data: i64,
    /// Bytes of the largest message.
    pub payload: i64,
    /// Kinds of connection allowed; never empty, since empty means all.
    pub allowed_connection_types: Vec<ConnectionType>,
}
