//! Account claims: limits, and the signing keys with the template of each role.

use serde::{Deserialize, Serialize};

use super::{
    NO_LIMIT,
    jwt::{Body, Kind, Tag},
    key::{Account, AccountKey, Operator},
    permission::{ConnectionType, Permission, Permissions},
};

/// The `nats` object of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountClaims {
    /// What the whole account may use.
    pub limits: AccountLimits,
    /// Keys that sign users in the account's name.
    #[serde(default)]
    pub signing_keys: Vec<SigningKey>,
    /// What a user may do whose own claims say nothing.
    pub default_permissions: Permissions,
    #[serde(rename = "type")]
    kind: Kind,
    version: u8,
}

impl AccountClaims {
    /// An account whose users may do nothing unless their own claims or template say so.
    #[must_use]
    pub fn new(limits: AccountLimits, signing_keys: Vec<SigningKey>) -> Self {
        let Tag { kind, version } = Tag::current(Self::KIND);
        let default_permissions =
            Permissions { publish: Permission::nothing(), subscribe: Permission::nothing() };
        Self { limits, signing_keys, default_permissions, kind, version }
    }

    /// The scope that belongs to a signing key, if that key has one.
    #[must_use]
    pub fn scope_of(&self, key: &AccountKey) -> Option<&UserScope> {
        self.signing_keys.iter().find_map(|candidate| match candidate {
            SigningKey::Scoped(scope) if scope.key == *key => Some(scope),
            SigningKey::Scoped(_) | SigningKey::Plain(_) => None,
        })
    }
}

impl Body for AccountClaims {
    type Subject = Account;
    type Issuer = Operator;
    const KIND: Kind = Kind::Account;

    fn tag(&self) -> Tag {
        Tag { kind: self.kind, version: self.version }
    }
}

/// Limits of an account. [`NO_LIMIT`] lifts a limit; zero forbids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountLimits {
    /// Subscriptions.
    pub subs: i64,
    /// Bytes in total (kept by NATS, not enforced).
    pub data: i64,
    /// Bytes of the largest message.
    pub payload: i64,
    /// Imports from other accounts.
    pub imports: i64,
    /// Exports to other accounts.
    pub exports: i64,
    /// Whether exports may have wildcards.
    pub wildcards: bool,
    /// Refuse users whose token alone is enough to log in.
    pub disallow_bearer: bool,
    /// Connections at once.
    pub conn: i64,
    /// Leaf node connections at once.
    pub leaf: i64,
    /// Bytes of all memory streams; zero means no memory streams.
    pub mem_storage: i64,
    /// Bytes of all file streams; zero means no file streams.
    pub disk_storage: i64,
    /// Streams.
    pub streams: i64,
    /// Consumers.
    pub consumer: i64,
}

impl AccountLimits {
    /// No JetStream, no imports or exports, no leaf nodes, no bearer tokens; the rest unlimited.
    #[must_use]
    pub const fn core() -> Self {
        Self {
            subs: NO_LIMIT,
            data: NO_LIMIT,
            payload: NO_LIMIT,
            imports: 0,
            exports: 0,
            wildcards: false,
            disallow_bearer: true,
            conn: NO_LIMIT,
            leaf: 0,
            mem_storage: 0,
            disk_storage: 0,
            streams: 0,
            consumer: 0,
        }
    }
}

/// A key that signs users for the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SigningKey {
    /// May sign anything the account may.
    Plain(AccountKey),
    /// May only sign users of one role.
    Scoped(UserScope),
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
}

impl UserScope {
    /// A role.
    #[must_use]
    pub fn new(key: AccountKey, role: &str, template: UserTemplate) -> Self {
        Self { kind: ScopeKind::UserScope, key, role: role.to_owned(), template }
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
/// login. The other functions (`name()`, `tag()`) take what the minting side put into the token
/// and are open to injection; they are not used here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserTemplate {
    /// What may be published to.
    #[serde(rename = "pub")]
    pub publish: Permission,
    /// What may be subscribed to.
    #[serde(rename = "sub")]
    pub subscribe: Permission,
    /// Subscriptions of one connection.
    pub subs: i64,
    /// Bytes in total (kept by NATS, not enforced).
    pub data: i64,
    /// Bytes of the largest message.
    pub payload: i64,
    /// Kinds of connection allowed; never empty, since empty means all.
    pub allowed_connection_types: Vec<ConnectionType>,
}
