//! The user that `serve` ends connections as.

use super::UserSigner;
use crate::{
    claims::{
        AccountKey, ConnectionType, NO_LIMIT, Permission, SignError, UserClaims, UserKey, UserPair,
    },
    keys::ServiceCredentials,
};

/// Subscriptions: its private inbox and the account's connections, with room.
const SUBSCRIPTIONS: i64 = 64;

/// Makes the user's token: of the system account's many subjects it may ask for the connections of
/// the application's account, hear of new and of ended ones, and end connections; only over TCP.
pub(super) fn credentials(
    user: &UserPair,
    account: &AccountKey,
    now: i64,
    signer: &UserSigner,
) -> Result<ServiceCredentials, SignError> {
    let key = user.public();
    let claims = UserClaims::new(
        Permission::only([
            format!("$SYS.REQ.ACCOUNT.{account}.CONNZ"),
            "$SYS.REQ.SERVER.*.KICK".to_owned(),
        ]),
        subscribe(key, account),
        SUBSCRIPTIONS,
        NO_LIMIT,
        vec![ConnectionType::Standard],
    );
    signer.sign(user.clone(), "api system", now, None, claims)
}

/// What the user of this key may read.
pub(super) fn subscribe(key: &UserKey, account: &AccountKey) -> Permission {
    Permission::only([
        format!("_INBOX.{key}.>"),
        format!("$SYS.ACCOUNT.{account}.CONNECT"),
        format!("$SYS.ACCOUNT.{account}.DISCONNECT"),
    ])
}
