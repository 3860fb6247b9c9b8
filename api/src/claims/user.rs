//! User claims: with rights of their own, as a service user has them, or *scoped*, as browsers have
//! them.

use serde::{Deserialize, Serialize};

use super::{
    jwt::{Body, Kind, Tag},
    key::{Account, AccountKey, User},
    permission::{ConnectionType, Permission, ResponsePermission},
};

/// The `nats` object of a user.
///
/// A scoped user carries no rights and no limits; nats-server takes both from the template that the
/// account has for the key that signed, and refuses a scoped user that brings any.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserClaims {
    /// What may be published to; `None` in a scoped user, where the template says it.
    #[serde(default, rename = "pub", skip_serializing_if = "Option::is_none")]
    pub publish: Option<Permission>,
    /// What may be subscribed to; `None` in a scoped user.
    #[serde(default, rename = "sub", skip_serializing_if = "Option::is_none")]
    pub subscribe: Option<Permission>,
    /// Leave to answer requests.
    #[serde(default, rename = "resp", skip_serializing_if = "Option::is_none")]
    pub responses: Option<ResponsePermission>,
    /// Networks the user may come from, as CIDR; empty means any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub src: Vec<String>,
    /// Times of day at which the user may be there; empty means any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub times: Vec<TimeRange>,
    /// Time zone of [`UserClaims::times`], as `Europe/Berlin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times_location: Option<String>,
    /// Subscriptions of one connection.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub subs: i64,
    /// Bytes in total (kept by NATS, not enforced).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub data: i64,
    /// Bytes of the largest message.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub payload: i64,
    /// Whether the token alone is enough to log in. Never, for users made here.
    #[serde(default)]
    pub bearer_token: bool,
    /// Whether the user must come through a trusted proxy.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub proxy_required: bool,
    /// Kinds of connection allowed; empty means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_connection_types: Vec<ConnectionType>,
    /// The account, where a signing key of it is the issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer_account: Option<AccountKey>,
    /// Labels, as `room:7`; a template's `{{tag(room)}}` becomes the part after the colon.
    /// nats-server looks for them in lower case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    #[serde(rename = "type")]
    kind: Kind,
    version: u8,
}

/// A time of day from which, and one until which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeRange {
    /// The beginning, as `08:00:00`.
    pub start: String,
    /// The end, in the same form.
    pub end: String,
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
        Self {
            publish: Some(publish),
            subscribe: Some(subscribe),
            subs: max_subscriptions,
            data: super::NO_LIMIT,
            payload: max_payload,
            allowed_connection_types,
            ..Self::empty()
        }
    }

    /// A user of `account` whose rights and limits are those of the key that signs it.
    #[must_use]
    pub fn scoped(account: AccountKey, tags: Vec<String>) -> Self {
        Self { issuer_account: Some(account), tags, ..Self::empty() }
    }

    fn empty() -> Self {
        let Tag { kind, version } = Tag::current(Self::KIND);
        Self {
            publish: None,
            subscribe: None,
            responses: None,
            src: Vec::new(),
            times: Vec::new(),
            times_location: None,
            subs: 0,
            data: 0,
            payload: 0,
            bearer_token: false,
            proxy_required: false,
            allowed_connection_types: Vec::new(),
            issuer_account: None,
            tags: Vec::new(),
            kind,
            version,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference over")]
fn is_zero(n: &i64) -> bool {
    *n == 0
}

impl Body for UserClaims {
    type Subject = User;
    type Issuer = Account;
    const KIND: Kind = Kind::User;
}
