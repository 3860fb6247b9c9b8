//! What a mint decides on.

use std::{fmt, time::Duration};

use super::RoleName;
use crate::claims::{AccountKey, AccountPair, Permission, UserKey, UserTemplate};

/// How tokens of one role are made.
pub struct RolePolicy {
    /// The role.
    pub role: RoleName,
    /// How long a token lives, in whole seconds.
    pub ttl: Duration,
    /// The account users of the role belong to.
    pub account: AccountKey,
    /// What the account's JWT lets the role do.
    pub template: UserTemplate,
    /// The scoped signing key of the role.
    pub signing_key: AccountPair,
}

impl fmt::Debug for RolePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RolePolicy")
            .field("role", &self.role)
            .field("ttl", &self.ttl)
            .field("account", &self.account)
            .field("signing_key", &self.signing_key)
            .finish_non_exhaustive()
    }
}

/// Who asks for a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The public key the caller will sign the server's nonce with.
    pub nkey: UserKey,
}

impl Caller {
    /// The prefix of every inbox of this caller; nobody else may subscribe below it.
    #[must_use]
    pub fn inbox_prefix(&self) -> String {
        format!("_INBOX.{}", self.nkey)
    }

    /// A template's permission as nats-server will resolve it for this caller.
    #[must_use]
    pub fn resolve(&self, permission: &Permission) -> Permission {
        let resolve = |subjects: &[String]| {
            subjects
                .iter()
                .map(|subject| subject.replace("{{subject()}}", self.nkey.as_str()))
                .collect()
        };
        Permission { allow: resolve(&permission.allow), deny: resolve(&permission.deny) }
    }
}
