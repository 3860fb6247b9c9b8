//! Account claims: limits, and the signing keys with the template of each role.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    NO_LIMIT,
    exports::{Export, Import, Mappings, Revocations},
    jwt::{Body, Kind, Tag},
    key::{Account, AccountKey, CurveKey, Operator, UserKey},
    permission::{Permission, Permissions},
    scope::{SigningKey, UserScope},
};

/// The `nats` object of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountClaims {
    /// What is taken from other accounts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub imports: Vec<Import>,
    /// What other accounts may take.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exports: Vec<Export>,
    /// What the whole account may use.
    pub limits: AccountLimits,
    /// Keys that sign users in the account's name.
    #[serde(default)]
    pub signing_keys: Vec<SigningKey>,
    /// Users (by key, or `*` for all) whose tokens no longer count if they were issued at or before
    /// this time, in Unix seconds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub revocations: Revocations,
    /// What a user may do whose own claims say nothing.
    pub default_permissions: Permissions,
    /// Subjects that are renamed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub mappings: Mappings,
    /// Who decides about clients without a token of this account.
    #[serde(default, skip_serializing_if = "ExternalAuthorization::is_off")]
    pub authorization: ExternalAuthorization,
    /// Where traces of messages go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<MessageTrace>,
    /// Which account's connections the traffic between servers uses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_traffic: Option<ClusterTraffic>,
    /// A note for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// A page about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub info_url: String,
    /// Labels; templates can hold them too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    #[serde(rename = "type")]
    kind: Kind,
    version: u8,
}

impl AccountClaims {
    /// An account whose users may do nothing unless their own claims or template say so.
    #[must_use]
    pub fn new(limits: AccountLimits, signing_keys: Vec<SigningKey>) -> Self {
        let Tag { kind, version } = Tag::current(Self::KIND);
        let default_permissions = Permissions {
            publish: Permission::nothing(),
            subscribe: Permission::nothing(),
            responses: None,
        };
        Self {
            imports: Vec::new(),
            exports: Vec::new(),
            limits,
            signing_keys,
            revocations: Revocations::new(),
            default_permissions,
            mappings: Mappings::new(),
            authorization: ExternalAuthorization::default(),
            trace: None,
            cluster_traffic: None,
            description: String::new(),
            info_url: String::new(),
            tags: Vec::new(),
            kind,
            version,
        }
    }

    /// The scope that belongs to a signing key, if that key has one.
    #[must_use]
    pub fn scope_of(&self, key: &AccountKey) -> Option<&UserScope> {
        self.scopes().find(|scope| scope.key == *key)
    }

    /// Every signing key that has a scope. While a role's key is being replaced, the role has two.
    pub fn scopes(&self) -> impl Iterator<Item = &UserScope> {
        self.signing_keys.iter().filter_map(|key| match key {
            SigningKey::Scoped(scope) => Some(&**scope),
            SigningKey::Plain(_) => None,
        })
    }

    /// Whether there is a signing key without a scope.
    #[must_use]
    pub fn has_plain_key(&self) -> bool {
        self.signing_keys.iter().any(|key| matches!(key, SigningKey::Plain(_)))
    }
}

impl Body for AccountClaims {
    type Subject = Account;
    type Issuer = Operator;
    const KIND: Kind = Kind::Account;
}

/// Limits of an account. [`NO_LIMIT`] lifts a limit; zero forbids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
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
    /// Messages of one consumer that wait for their acknowledgement; zero means no limit.
    #[serde(skip_serializing_if = "is_zero")]
    pub max_ack_pending: i64,
    /// Bytes of one memory stream; zero means no limit.
    #[serde(skip_serializing_if = "is_zero")]
    pub mem_max_stream_bytes: i64,
    /// Bytes of one file stream; zero means no limit.
    #[serde(skip_serializing_if = "is_zero")]
    pub disk_max_stream_bytes: i64,
    /// Whether every stream must say how many bytes it may grow to.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub max_bytes_required: bool,
    /// JetStream's limits by number of replicas (`R1`, `R3`). Where there are any, the limits above
    /// must all be zero.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tiered_limits: BTreeMap<String, JetStreamLimits>,
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
            max_ack_pending: 0,
            mem_max_stream_bytes: 0,
            disk_max_stream_bytes: 0,
            max_bytes_required: false,
            tiered_limits: BTreeMap::new(),
        }
    }
}

/// What an absent limit means to NATS: the account has none of it.
impl Default for AccountLimits {
    fn default() -> Self {
        Self { subs: 0, data: 0, payload: 0, conn: 0, disallow_bearer: false, ..Self::core() }
    }
}

/// JetStream's limits for streams of one number of replicas.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JetStreamLimits {
    /// As [`AccountLimits::mem_storage`].
    pub mem_storage: i64,
    /// As [`AccountLimits::disk_storage`].
    pub disk_storage: i64,
    /// As [`AccountLimits::streams`].
    pub streams: i64,
    /// As [`AccountLimits::consumer`].
    pub consumer: i64,
    /// As [`AccountLimits::max_ack_pending`].
    #[serde(skip_serializing_if = "is_zero")]
    pub max_ack_pending: i64,
    /// As [`AccountLimits::mem_max_stream_bytes`].
    #[serde(skip_serializing_if = "is_zero")]
    pub mem_max_stream_bytes: i64,
    /// As [`AccountLimits::disk_max_stream_bytes`].
    #[serde(skip_serializing_if = "is_zero")]
    pub disk_max_stream_bytes: i64,
    /// As [`AccountLimits::max_bytes_required`].
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub max_bytes_required: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference over")]
fn is_zero(n: &i64) -> bool {
    *n == 0
}

/// Auth callout: who decides about clients, and for which accounts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExternalAuthorization {
    /// Users of the deciding service; they log in by themselves.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub auth_users: Vec<UserKey>,
    /// Accounts it may place clients in, besides this one.
    #[serde(skip_serializing_if = "AllowedAccounts::is_none")]
    pub allowed_accounts: AllowedAccounts,
    /// The key that requests are sealed for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub xkey: Option<CurveKey>,
}

impl ExternalAuthorization {
    /// True if nobody but the account's own tokens decides.
    #[must_use]
    pub fn is_off(&self) -> bool {
        *self == Self::default()
    }
}

/// Accounts that an authorization service may place clients in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub enum AllowedAccounts {
    /// None but its own.
    #[default]
    None,
    /// Those.
    These(Vec<AccountKey>),
    /// Every account there is, written `*`.
    Any,
}

impl AllowedAccounts {
    fn is_none(&self) -> bool {
        *self == Self::None
    }
}

impl TryFrom<Vec<String>> for AllowedAccounts {
    type Error = super::KeyError;

    fn try_from(texts: Vec<String>) -> Result<Self, Self::Error> {
        match texts.as_slice() {
            [] => Ok(Self::None),
            [any] if any == "*" => Ok(Self::Any),
            keys => keys
                .iter()
                .map(|key| AccountKey::parse(key))
                .collect::<Result<_, _>>()
                .map(Self::These),
        }
    }
}

impl From<AllowedAccounts> for Vec<String> {
    fn from(accounts: AllowedAccounts) -> Self {
        match accounts {
            AllowedAccounts::None => Self::new(),
            AllowedAccounts::These(keys) => keys.iter().map(ToString::to_string).collect(),
            AllowedAccounts::Any => vec!["*".to_owned()],
        }
    }
}

/// Where traces of messages go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MessageTrace {
    /// The subject.
    #[serde(rename = "dest")]
    pub destination: String,
    /// Messages traced, in percent; absent means all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling: Option<u8>,
}

/// Which account's connections the traffic between servers uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClusterTraffic {
    /// The system account's.
    System,
    /// The account's own.
    Owner,
}
