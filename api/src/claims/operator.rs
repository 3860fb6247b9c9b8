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
    /// Where an account server is asked for account JWTs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_server_url: Option<String>,
    /// Addresses of the servers, for tools.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operator_service_urls: Vec<String>,
    /// The account whose users see the servers' own events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_account: Option<AccountKey>,
    /// Version that servers must have at least, as `2.14.0`; older ones refuse to start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assert_server_version: Option<String>,
    /// Refuse accounts and users signed by an identity key where signing keys are meant to sign.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub strict_signing_key_usage: bool,
    /// Labels for tools.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    #[serde(rename = "type")]
    kind: Kind,
    version: u8,
}

impl OperatorClaims {
    /// An operator without further signing keys.
    #[must_use]
    pub fn new(system_account: AccountKey) -> Self {
        let Tag { kind, version } = Tag::current(Self::KIND);
        Self {
            signing_keys: Vec::new(),
            account_server_url: None,
            operator_service_urls: Vec::new(),
            system_account: Some(system_account),
            assert_server_version: None,
            strict_signing_key_usage: false,
            tags: Vec::new(),
            kind,
            version,
        }
    }
}

impl Body for OperatorClaims {
    type Subject = Operator;
    type Issuer = Operator;
    const KIND: Kind = Kind::Operator;
}
