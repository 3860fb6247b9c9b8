//! User claims that carry their own permissions, as a service user has them.
//!
//! Browser users are not made here: they are scoped, carry no permissions of their own, and are
//! minted in [`crate::mint`].

use serde::{Deserialize, Serialize};

use super::{
    jwt::{Body, Kind, Tag},
    key::{Account, AccountKey, User},
    permission::{ConnectionType, Permission},
};

/// The `nats` object of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserClaims {
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
    /// Whether the token alone is enough to log in. Never, for users made here.
    #[serde(default)]
    pub bearer_token: bool,
    /// Kinds of connection allowed; empty means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_connection_types: Vec<ConnectionType>,
    /// The account, where a signing key of it is the issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer_account: Option<AccountKey>,
    #[serde(rename = "type")]
    kind: Kind,
    version: u8,
}

impl UserClaims {
    /// A user with exactly these rights over exactly these kinds of connection.
    #[must_use]
    pub fn new(
        publish: Permission,
        subscribe: Permission,
        max_subscriptions: i64,
        max_payload: i64,
        allowed_connection_types: Vec<ConnectionType>,
    ) -> Self {
        let Tag { kind, version } = Tag::current(Self::KIND);
        Self {
            publish,
            subscribe,
            subs: max_subscriptions,
            data: super::NO_LIMIT,
            payload: max_payload,
            bearer_token: false,
            allowed_connection_types,
            issuer_account: None,
            kind,
            version,
        }
    }
}

impl Body for UserClaims {
    type Subject = User;
    type Issuer = Account;
    const KIND: Kind = Kind::User;

    fn tag(&self) -> Tag {
        Tag { kind: self.kind, version: self.version }
    }
}
