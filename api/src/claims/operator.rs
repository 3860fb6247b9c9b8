//! Operator claims: the root of trust that nats-server is configured with.

use serde::{Deserialize, Serialize};

use super::{
    jwt::{Body, Kind, Tag},
    key::{AccountKey, Operator, PublicKey},
};

/// The `nats` object of an operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatorClaims {
    /// Further keys that sign in the operator's name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signing_keys: Vec<PublicKey<Operator>>,
    /// The account whose users see the servers' own events.
    pub system_account: AccountKey,
    #[serde(rename = "type")]
    kind: Kind,
    version: u8,
}

impl OperatorClaims {
    /// An operator without further signing keys.
    #[must_use]
    pub fn new(system_account: AccountKey) -> Self {
        let Tag { kind, version } = Tag::current(Self::KIND);
        Self { signing_keys: Vec::new(), system_account, kind, version }
    }
}

impl Body for OperatorClaims {
    type Subject = Operator;
    type Issuer = Operator;
    const KIND: Kind = Kind::Operator;

    fn tag(&self) -> Tag {
        Tag { kind: self.kind, version: self.version }
    }
}
