//! The users that a leaf node connects to its hub as.
//!
//! Their rights bound what a leaf may do to the rest, whatever becomes of its machine: the hub holds it
//! to them, and tells it, so that it does not ask for more.

use super::{UserSigner, service_user};
use crate::{
    claims::{
        AccountKey, ConnectionType, NO_LIMIT, Permission, SignError, UserClaims, UserPair,
        UserTemplate, subject::overlap,
    },
    keys::ServiceCredentials,
    mint::Role,
};

/// What the servers' own requests are about that a leaf must hear of: an account has changed, who is
/// connected, a connection is to be ended; and the answers to its own question for accounts.
const FROM_THE_HUB: [&str; 6] = [
    "$SYS.REQ.CLAIMS.UPDATE",
    "$SYS.REQ.ACCOUNT.*.CLAIMS.UPDATE",
    "$SYS.ACCOUNT.*.CLAIMS.UPDATE",
    "$SYS.REQ.ACCOUNT.*.CONNZ",
    "$SYS.REQ.SERVER.*.KICK",
    "$SYS._INBOX.>",
];

/// Who carries the browsers' messages: what any of them may publish or subscribe to, whoever it is.
///
/// The hub tells a leaf only of subscriptions to no more than it may publish. So a pattern by which others
/// read what browsers publish is among what it may publish as a whole.
pub(super) fn carrier(
    user: &UserPair,
    roles: &[Role],
    now: i64,
    signer: &UserSigner,
) -> Result<ServiceCredentials, SignError> {
    let mut publish = of_browsers(roles, |template| &template.publish);
    let subscribe = of_browsers(roles, |template| &template.subscribe);
    let is_published =
        |pattern: &String| publish.iter().any(|published| overlap(published, pattern));
    let readers = subscribe.iter().cloned().chain([service_user::PRESENCE.to_owned()]);
    let read: Vec<String> = readers.filter(is_published).collect();
    publish.extend(read);
    publish.sort();
    publish.dedup();
    let both = [publish, subscribe].map(Permission::only);
    sign(user, "leaf", both, now, signer)
}

/// Who carries the system account's: what bans and changed roles take, and nothing else.
pub(super) fn system(
    user: &UserPair,
    account: &AccountKey,
    now: i64,
    signer: &UserSigner,
) -> Result<ServiceCredentials, SignError> {
    let to_the_hub = Permission::only([
        format!("$SYS.ACCOUNT.{account}.CONNECT"),
        format!("$SYS.ACCOUNT.{account}.DISCONNECT"),
        "$SYS.REQ.CLAIMS.PACK".to_owned(),
        "_INBOX.*.>".to_owned(),
    ]);
    sign(user, "leaf system", [to_the_hub, Permission::only(FROM_THE_HUB)], now, signer)
}

fn sign(
    user: &UserPair,
    name: &str,
    [publish, subscribe]: [Permission; 2],
    now: i64,
    signer: &UserSigner,
) -> Result<ServiceCredentials, SignError> {
    let claims =
        UserClaims::new(publish, subscribe, NO_LIMIT, NO_LIMIT, vec![ConnectionType::Leafnode]);
    signer.sign(user.clone(), name, now, None, claims)
}

fn of_browsers(roles: &[Role], direction: fn(&UserTemplate) -> &Permission) -> Vec<String> {
    let browsers = roles
        .iter()
        .filter(|role| role.template.allowed_connection_types.contains(&ConnectionType::Websocket));
    let mut subjects: Vec<String> = browsers
        .flat_map(|role| &direction(&role.template).allow)
        .map(|pattern| for_whoever(pattern))
        .collect();
    subjects.sort();
    subjects.dedup();
    subjects
}

/// A pattern of a template as it is for any key and any channel.
fn for_whoever(pattern: &str) -> String {
    let tokens = pattern.split('.').map(|token| if token.contains("{{") { "*" } else { token });
    tokens.collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::{AccountPair, KeyPair};

    const ROLES: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/roles.toml"));

    fn signer() -> UserSigner {
        let account = AccountPair::from_random([1; 32]).unwrap();
        UserSigner::new(account.public().clone(), AccountPair::from_random([2; 32]).unwrap())
    }

    #[test]
    fn a_leaf_carries_what_browsers_may_and_nothing_of_back_ends_or_servers() {
        let roles = crate::config::roles::parse(ROLES).unwrap().roles;
        let user = KeyPair::from_random([3; 32]).unwrap();
        let claims = carrier(&user, &roles, 0, &signer()).unwrap().claims().unwrap();
        let (publish, subscribe) = (claims.publish.unwrap(), claims.subscribe.unwrap());
        for (permission, subject, allowed) in [
            (&publish, "com.scaling-ws.playground.UABC.x", true),
            (&publish, "_INBOX.UABC.x", true),
            (&publish, "presence.demo.lobby.UABC.t", true),
            (&publish, "com.scaling-ws.updates", false),
            (&publish, "$JS.API.INFO", false),
            (&publish, "$SYS.REQ.SERVER.PING", false),
            (&subscribe, "com.scaling-ws.updates", true),
            (&subscribe, "rooms.7.chat.UABC", true),
            (&subscribe, "other", false),
        ] {
            assert_eq!(permission.verdict(subject).is_allowed(), allowed, "{subject}");
        }
        // By these patterns others read what browsers publish.
        for pattern in ["com.scaling-ws.playground.>", "presence.*.*.*.*"] {
            assert!(publish.subscription_verdict(pattern).verdict.is_allowed(), "{pattern}");
        }
        assert_eq!(claims.allowed_connection_types, [ConnectionType::Leafnode]);
    }

    #[test]
    fn without_browsers_a_leaf_carries_nothing() {
        let user = KeyPair::from_random([3; 32]).unwrap();
        let claims = carrier(&user, &[], 0, &signer()).unwrap().claims().unwrap();
        assert_eq!(claims.publish, Some(Permission::nothing()));
        assert_eq!(claims.subscribe, Some(Permission::nothing()));
    }
}
