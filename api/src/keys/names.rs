//! Names of the files in the keys directory.

use crate::mint::RoleName;

/// The operator's seed: signs the operator's own JWT. Needed when its signing key is replaced.
pub const OPERATOR_SEED: &str = "operator.seed";
/// The seed of the operator's signing key: signs accounts. Needed by nothing at run time.
pub const OPERATOR_SIGNING_SEED: &str = "operator-signing.seed";
/// The system account's seed. What it signs, servers refuse.
pub const SYSTEM_ACCOUNT_SEED: &str = "system-account.seed";
/// The seed of the system account's signing key: signs users that see the servers' own events.
pub const SYSTEM_ACCOUNT_SIGNING_SEED: &str = "system-account-signing.seed";
/// The account's seed. What it signs, servers refuse.
pub const ACCOUNT_SEED: &str = "account.seed";
/// The seed of the account's signing key: signs users with any rights. Needed by nothing at run
/// time.
pub const ACCOUNT_SIGNING_SEED: &str = "account-signing.seed";
/// The account's JWT: holds no secret, but names what each role may do.
pub const ACCOUNT_JWT: &str = "account.jwt";
/// Token and seed of the service user that `serve` connects as.
pub const SERVICE_CREDS: &str = "service.creds";
/// Token and seed of the user that `serve` ends connections as.
pub const SYSTEM_CREDS: &str = "system.creds";
/// Token and seed of the user that `serve` answers nats-server's questions as.
pub const CALLOUT_CREDS: &str = "callout.creds";
/// The JWT of the account that asks these questions.
pub const CALLOUT_ACCOUNT_JWT: &str = "callout-account.jwt";
/// That account's seed: would sign users that can listen in on the questions, sealed as they are.
pub const CALLOUT_ACCOUNT_SEED: &str = "callout-account.seed";
/// The seed of the key that signs users of that account.
pub const CALLOUT_ACCOUNT_SIGNING_SEED: &str = "callout-account-signing.seed";
/// The seed that answers are signed with. The users it could sign may do nothing.
pub const CALLOUT_RESPONSE_SEED: &str = "callout-response.seed";
/// The seed of the curve key that questions are sealed for.
pub const CALLOUT_XKEY_SEED: &str = "callout-xkey.seed";
/// The seed of the curve key that sessions are sealed with.
pub const SESSION_SEED: &str = "session.seed";
/// Addresses and paths, as variables of a nats-server configuration.
pub const LOCAL_CONF: &str = "local.conf";
/// Operator, system account and preloaded accounts, as a nats-server configuration.
pub const AUTH_CONF: &str = "auth.conf";

/// The seed of a role's signing key.
#[must_use]
pub fn role_seed(role: &RoleName) -> String {
    format!("role-{role}.seed")
}

/// The seed that is to follow it, once nats-server knows its key.
#[must_use]
pub fn role_next_seed(role: &RoleName) -> String {
    next(&role_seed(role))
}

/// The file that is to take the place of this one.
#[must_use]
pub fn next(file: &str) -> String {
    let (stem, extension) = file.rsplit_once('.').unwrap_or((file, "new"));
    format!("{stem}.next.{extension}")
}

/// The public keys of users whose credentials were in this file and are yet to be revoked.
#[must_use]
pub fn former(file: &str) -> String {
    let (stem, _) = file.rsplit_once('.').unwrap_or((file, ""));
    format!("{stem}.former")
}
